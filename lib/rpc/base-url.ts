/**
 * The address that paths are appended to, without a slash at its end; relative to the page in a browser.
 *
 * @throws TypeError for anything but an http or https URL
 */
export function baseOf(baseUrl: string | URL | undefined): string {
  const page = (globalThis as { location?: { href: string } }).location?.href;
  const url = baseUrl !== undefined && URL.canParse(baseUrl, page) ? new URL(baseUrl, page) : undefined;
  if (url === undefined || !/^https?:$/.test(url.protocol)) {
    throw new TypeError(
      `Expected \`baseUrl\` to be a URL such as \`http://localhost:8080\`, got \`${String(baseUrl)}\`.`,
    );
  }
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/** A path or an address as an error may name it: the query of a GET is the request, which is nothing for a log. */
export function withoutQuery(target: string): string {
  return target.split('?', 1)[0] as string;
}
