import { BodyTooLargeError, type Code, type Exchange } from '../wire/index.ts';
import { CodecError, decodeJson } from './codec.ts';
import { gunzip } from './gzip.ts';
import type { Route } from './router.ts';
import { read, SchemaError } from './schema.ts';

/** What came of reading a request: the request, or how to refuse it. */
export type Received =
  | { readonly request: unknown; readonly refusal?: undefined }
  | { readonly refusal: { readonly status: number; readonly code: Code; readonly message: string } };

/**
 * Reads one request: the body of a POST, the query of a GET.
 *
 * @param limit in bytes
 * @throws only what the schema throws by mistake; all that a peer can do wrong is a refusal
 */
export async function receive(exchange: Exchange, { method }: Route, limit: number): Promise<Received> {
  const isGet = exchange.method === 'GET';
  let arrived = isGet;
  try {
    const query = isGet ? new URLSearchParams(exchange.target.slice(exchange.target.indexOf('?'))) : undefined;
    let body = query === undefined ? await exchange.body(limit) : queried(query);
    arrived = true;
    const encoding = query === undefined ? exchange.header('content-encoding') : query.get('compression');
    if (encoding === 'gzip') body = await unpacked(body, limit);
    const request = read(method.input, decodeJson(body), 'request');
    return { request: request instanceof Promise ? await request : request };
  } catch (error) {
    if (error instanceof BodyTooLargeError)
      return refuse(413, 'resource_exhausted', `Expected a body of at most ${limit} bytes.`);
    if (!arrived) return refuse(400, 'invalid_argument', 'Expected the whole body, it broke off.');
    if (error instanceof CodecError || error instanceof SchemaError)
      return refuse(400, 'invalid_argument', error.message);
    throw error;
  }
}

async function unpacked(body: Uint8Array, limit: number): Promise<Uint8Array> {
  // An empty body is never compressed.
  if (body.length === 0) return body;
  try {
    return await gunzip(body, limit);
  } catch (error) {
    if (error instanceof BodyTooLargeError) throw error;
    throw new CodecError('Expected the body to be gzip.', { cause: error });
  }
}

/** The message in a query: `connect=v1&encoding=json&message=…`, in any order. */
function queried(query: URLSearchParams): Uint8Array {
  const message = query.get('message');
  if (message === null) throw new CodecError('Expected the query to have a `message`.');
  return query.get('base64') === '1' ? fromBase64(message) : new TextEncoder().encode(message);
}

/** @throws CodecError for what is not base64, in either alphabet, padded or not */
function fromBase64(text: string): Uint8Array {
  try {
    return Uint8Array.from(atob(text.replaceAll('-', '+').replaceAll('_', '/')), (char) => char.charCodeAt(0));
  } catch (error) {
    throw new CodecError('Expected the `message` to be base64.', { cause: error });
  }
}

function refuse(status: number, code: Code, message: string): Received {
  return { refusal: { status, code, message } };
}
