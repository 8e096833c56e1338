import { type Exchange, isJsonType, JSON_TYPE, PROTOCOL_VERSION, PROTOCOL_VERSION_HEADER } from '../wire/index.ts';
import { answerError } from './answer.ts';
import { type Method, methodPath } from './contract.ts';
import type { Implementation } from './implement.ts';

/** One method of one service, and who does its work. */
export interface Route {
  readonly path: string;
  readonly name: string;
  readonly method: Method;
  readonly implementation: Implementation;
}

/**
 * Path → route, for all methods of all implementations.
 *
 * @throws TypeError when two implementations claim one path
 */
export function routesOf(implementations: readonly Implementation[], prefix: string): ReadonlyMap<string, Route> {
  const routes = new Map<string, Route>();
  for (const implementation of implementations) {
    for (const [name, method] of Object.entries(implementation.service.methods)) {
      const path = prefix + methodPath(implementation.service, name);
      if (routes.has(path)) throw new TypeError(`Expected each service to be implemented once, got \`${path}\` twice.`);
      routes.set(path, { path, name, method, implementation });
    }
  }
  return routes;
}

/** The route of an exchange; or undefined, once it has been answered with what was expected instead. */
export function route(routes: ReadonlyMap<string, Route>, exchange: Exchange): Route | undefined {
  const query = exchange.target.indexOf('?');
  const path = query === -1 ? exchange.target : exchange.target.slice(0, query);
  const found = routes.get(path);
  if (found === undefined) {
    answerError(exchange, 404, 'unimplemented', `Expected the path of a method served here, got \`${path}\`.`);
    return undefined;
  }
  return isProper(exchange) ? found : undefined;
}

// A bare status would do for the protocol; the body is for people. Its codes are those a bare status stands for.
function isProper(exchange: Exchange): boolean {
  if (exchange.method !== 'POST') {
    answerError(exchange, 405, 'unknown', `Expected POST, got ${exchange.method}.`, { allow: 'POST' });
    return false;
  }
  const type = exchange.header('content-type');
  if (!isJsonType(type)) {
    const message = `Expected the content type \`${JSON_TYPE}\`, got \`${type ?? 'none'}\`.`;
    answerError(exchange, 415, 'unknown', message, { 'accept-post': JSON_TYPE });
    return false;
  }
  const encoding = exchange.header('content-encoding') ?? 'identity';
  if (encoding !== 'identity') {
    answerError(
      exchange,
      501,
      'unimplemented',
      `Expected a content encoding out of \`identity\`, got \`${encoding}\`.`,
    );
    return false;
  }
  const version = exchange.header(PROTOCOL_VERSION_HEADER) ?? PROTOCOL_VERSION;
  if (version !== PROTOCOL_VERSION) {
    answerError(
      exchange,
      400,
      'invalid_argument',
      `Expected \`${PROTOCOL_VERSION_HEADER}\` to be ${PROTOCOL_VERSION}, got \`${version}\`.`,
    );
    return false;
  }
  return true;
}
