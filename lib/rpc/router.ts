import {
  type Code,
  type Exchange,
  isJsonType,
  JSON_TYPE,
  PROTOCOL_VERSION,
  PROTOCOL_VERSION_HEADER,
  STREAM_ENCODING_HEADER,
  STREAM_TYPE,
} from '../wire/index.ts';
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
  return isProper(found, exchange) ? found : undefined;
}

/** Whether a list of encodings has gzip in it. */
export function takesGzip(accepted: string | undefined): boolean {
  return accepted !== undefined && /(?:^|,)\s*gzip\s*(?:$|[,;])/i.test(accepted);
}

// A bare status would do for the protocol; the body is for people. Its codes are those a bare status stands for.
function isProper({ method }: Route, exchange: Exchange): boolean {
  const bad = method.kind === 'unary' ? badUnary(exchange, method.idempotent) : badStream(exchange);
  if (bad === undefined) return isKnownVersion(exchange);
  const [status, code, message, headers] = bad;
  answerError(exchange, status, code, message, headers);
  return false;
}

type Bad = readonly [status: number, code: Code, message: string, headers?: Record<string, string>] | undefined;

function badUnary(exchange: Exchange, idempotent: boolean): Bad {
  if (idempotent && exchange.method === 'GET') return badQuery(exchange);
  return (
    badVerb(exchange, idempotent ? 'GET, POST' : 'POST') ??
    badType(exchange) ??
    badEncoding(exchange.header('content-encoding'))
  );
}

function badStream(exchange: Exchange): Bad {
  const type = exchange.header('content-type');
  return (
    badVerb(exchange, 'POST') ??
    (type === STREAM_TYPE ? badEncoding(exchange.header(STREAM_ENCODING_HEADER)) : wrongType(type, STREAM_TYPE))
  );
}

function badVerb(exchange: Exchange, allow: string): Bad {
  if (exchange.method === 'POST') return undefined;
  return [405, 'unknown', `Expected POST, got ${exchange.method}.`, { allow }];
}

function badType(exchange: Exchange): Bad {
  const type = exchange.header('content-type');
  return isJsonType(type) ? undefined : wrongType(type, JSON_TYPE);
}

function wrongType(type: string | undefined, expected: string): Bad {
  const message = `Expected the content type \`${expected}\`, got \`${type ?? 'none'}\`.`;
  return [415, 'unknown', message, { 'accept-post': expected }];
}

function badEncoding(encoding = 'identity'): Bad {
  if (encoding === 'identity' || encoding === 'gzip') return undefined;
  return [501, 'unimplemented', `Expected an encoding out of \`identity\` and \`gzip\`, got \`${encoding}\`.`];
}

function badQuery(exchange: Exchange): Bad {
  const query = new URLSearchParams(exchange.target.slice(exchange.target.indexOf('?')));
  const codec = query.get('encoding');
  if (codec !== 'json') return [415, 'unknown', `Expected \`encoding=json\` in the query, got \`${codec ?? 'none'}\`.`];
  const version = query.get('connect') ?? 'v1';
  if (version !== 'v1') return [400, 'invalid_argument', `Expected \`connect=v1\` in the query, got \`${version}\`.`];
  return badEncoding(query.get('compression') ?? undefined);
}

function isKnownVersion(exchange: Exchange): boolean {
  const version = exchange.header(PROTOCOL_VERSION_HEADER) ?? PROTOCOL_VERSION;
  if (version === PROTOCOL_VERSION) return true;
  const message = `Expected \`${PROTOCOL_VERSION_HEADER}\` to be ${PROTOCOL_VERSION}, got \`${version}\`.`;
  answerError(exchange, 400, 'invalid_argument', message);
  return false;
}
