import { BodyTooLargeError, type Code, type Exchange } from '../wire/index.ts';
import { CodecError, decodeJson } from './codec.ts';
import { read, type Schema, SchemaError } from './schema.ts';

/** What came of reading a request: the request, or how to refuse it. */
export type Received =
  | { readonly request: unknown; readonly refusal?: undefined }
  | { readonly refusal: { readonly status: number; readonly code: Code; readonly message: string } };

/**
 * Reads the body of an exchange as one request.
 *
 * @param limit in bytes
 * @throws only what the schema throws by mistake; all that a peer can do wrong is a refusal
 */
export async function receive(exchange: Exchange, schema: Schema, limit: number): Promise<Received> {
  let body: Uint8Array;
  try {
    body = await exchange.body(limit);
  } catch (error) {
    return error instanceof BodyTooLargeError
      ? refuse(413, 'resource_exhausted', `Expected a body of at most ${limit} bytes.`)
      : refuse(400, 'invalid_argument', 'Expected the whole body, it broke off.');
  }
  try {
    return { request: await read(schema, decodeJson(body), 'request') };
  } catch (error) {
    if (error instanceof CodecError || error instanceof SchemaError)
      return refuse(400, 'invalid_argument', error.message);
    throw error;
  }
}

function refuse(status: number, code: Code, message: string): Received {
  return { refusal: { status, code, message } };
}
