/**
 * JSON on the wire: what a peer sent is UTF-8, well-formed, and without a key that could change a prototype further on.
 */

/** A body that is not what the protocol takes; the text says what was expected. */
export class CodecError extends Error {
  override readonly name = 'CodecError';
}

const utf8 = new TextDecoder('utf-8', { fatal: true });

/** @throws CodecError for bytes that are not UTF-8, text that is not JSON, and a key `__proto__` */
export function decodeJson(body: Uint8Array): unknown {
  const text = decodeText(body);
  const value = parse(text);
  // The key may be spelled with escapes; a body with neither is the rule, and is not walked.
  if ((text.includes('__proto__') || text.includes('\\u')) && hasProtoKey(value)) {
    throw new CodecError('Expected JSON without a key `__proto__`.');
  }
  return value;
}

/**
 * @param what names the value in the error's text
 * @throws TypeError when JSON has no form for `value`
 */
export function encodeJson(value: unknown, what: string): string {
  const text = JSON.stringify(value) as string | undefined;
  if (text === undefined) throw new TypeError(`Expected the ${what} to be a JSON value, got \`${typeof value}\`.`);
  return text;
}

function decodeText(body: Uint8Array): string {
  try {
    return utf8.decode(body);
  } catch (error) {
    throw new CodecError('Expected the body to be UTF-8.', { cause: error });
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new CodecError(`Expected the body to be JSON: ${(error as SyntaxError).message}.`, { cause: error });
  }
}

/** Walks with a list: a body may nest deeper than the stack. */
function hasProtoKey(value: unknown): boolean {
  const pending: object[] = [];
  const note = (value: unknown): void => {
    if (typeof value === 'object' && value !== null) pending.push(value);
  };
  note(value);
  for (let next = pending.pop(); next !== undefined; next = pending.pop()) {
    if (Object.hasOwn(next, '__proto__')) return true;
    for (const inner of Object.values(next)) note(inner);
  }
  return false;
}
