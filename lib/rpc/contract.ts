import { isMethodName, isServiceName, pathOf } from '../wire/index.ts';
import type { InputOf, OutputOf, Schema } from './schema.ts';

/** How many messages go each way: one, or a stream of them. */
export type Kind = 'unary' | 'serverStream' | 'clientStream' | 'bidi';

/** One method of a contract. */
interface MethodOf<K extends Kind, I extends Schema = Schema, O extends Schema = Schema> {
  readonly kind: K;
  readonly input: I;
  readonly output: O;
  /** Has no effect that a second call would repeat: may be sent again, and asked for by GET. Streams never are. */
  readonly idempotent: boolean;
}

/** One request, one response. */
export interface Unary<I extends Schema = Schema, O extends Schema = Schema> extends MethodOf<'unary', I, O> {}
/** One request, a stream of responses. */
export interface ServerStream<I extends Schema = Schema, O extends Schema = Schema>
  extends MethodOf<'serverStream', I, O> {}
/** A stream of requests, one response. */
export interface ClientStream<I extends Schema = Schema, O extends Schema = Schema>
  extends MethodOf<'clientStream', I, O> {}
/** A stream each way, at the same time where the transport can. */
export interface Bidi<I extends Schema = Schema, O extends Schema = Schema> extends MethodOf<'bidi', I, O> {}

export type Method = Unary | ServerStream | ClientStream | Bidi;
export type Methods = Readonly<Record<string, Method>>;

/** The contract of a service: what both sides of the wire know, and all they share. */
export interface Service<M extends Methods = Methods> {
  /** As it stands in the path: `demo.v1.Greeter`. */
  readonly name: string;
  readonly methods: M;
}

/** What the caller of a method writes and the implementation reads; and the answer, the other way round. */
export type RequestToSend<M extends Method> = InputOf<M['input']>;
export type RequestReceived<M extends Method> = OutputOf<M['input']>;
export type ResponseToSend<M extends Method> = InputOf<M['output']>;
export type ResponseReceived<M extends Method> = OutputOf<M['output']>;

/**
 * Describes a method with one request and one response.
 *
 * Each schema works at the receiver: `input` reads requests on the server, `output` reads responses in the client. A
 * transforming schema is fine; what crosses the wire is its input, as JSON. The server checks a response against
 * `output` before it leaves, and sends it as the implementation wrote it.
 *
 * @param options.input schema of the request; any Standard Schema, such as zod's
 * @param options.output schema of the response
 * @param options.idempotent whether a second call would change nothing; default false
 * @throws TypeError when a schema is none
 */
export function unary<I extends Schema, O extends Schema>(options: {
  input: I;
  output: O;
  idempotent?: boolean;
}): Unary<I, O> {
  return method('unary', options);
}

interface Schemas<I, O> {
  /** Reads each request. */
  input: I;
  /** Reads each response. */
  output: O;
}

/**
 * Describes a method with one request and a stream of responses; otherwise as {@link unary}.
 *
 * @throws TypeError when a schema is none, or for `idempotent`, which no stream is
 */
export function serverStream<I extends Schema, O extends Schema>(options: Schemas<I, O>): ServerStream<I, O> {
  return method('serverStream', options);
}

/**
 * Describes a method with a stream of requests and one response; otherwise as {@link unary}.
 *
 * @throws TypeError when a schema is none, or for `idempotent`
 */
export function clientStream<I extends Schema, O extends Schema>(options: Schemas<I, O>): ClientStream<I, O> {
  return method('clientStream', options);
}

/**
 * Describes a method with a stream each way, at the same time over HTTP/2; otherwise as {@link unary}.
 *
 * @throws TypeError when a schema is none, or for `idempotent`
 */
export function bidi<I extends Schema, O extends Schema>(options: Schemas<I, O>): Bidi<I, O> {
  return method('bidi', options);
}

function method<K extends Kind, I extends Schema, O extends Schema>(
  kind: K,
  { input, output, idempotent = false }: Schemas<I, O> & { idempotent?: boolean },
): MethodOf<K, I, O> {
  checkSchema('input', input);
  checkSchema('output', output);
  if (kind !== 'unary' && idempotent) {
    throw new TypeError(
      `Expected a ${kind} not to be \`idempotent\`, which would have it sent again: what has come of it can't be taken back.`,
    );
  }
  return Object.freeze({ kind, input, output, idempotent });
}

/**
 * Names a set of methods. The path of a method is `/{name}/{method}`, spelled exactly as here.
 *
 * @param name a dotted name, such as `demo.v1.Greeter`
 * @param methods method names and what {@link unary} or one of its kin made of each
 * @throws TypeError for a name that cannot stand in a path, or a method that is none
 */
export function service<const M extends Methods>(name: string, methods: M): Service<M> {
  if (typeof name !== 'string' || !isServiceName(name)) {
    throw new TypeError(
      `Expected a service's name to be dotted identifiers, such as \`demo.v1.Greeter\`, got \`${String(name)}\`.`,
    );
  }
  for (const [method, description] of Object.entries(methods)) checkMethod(name, method, description);
  return Object.freeze({ name, methods: Object.freeze({ ...methods }) });
}

/** The path of one method, without any prefix. */
export function methodPath(service: Service, method: string): string {
  return pathOf(service.name, method);
}

const KINDS: ReadonlySet<Kind | undefined> = new Set(['unary', 'serverStream', 'clientStream', 'bidi']);

function checkMethod(service: string, method: string, description: unknown): void {
  // `then` would make a client a thenable, and `await` would call it.
  if (!isMethodName(method) || method === 'then') {
    throw new TypeError(
      `Expected a method of ${service} to be named by an identifier other than \`then\`, got \`${method}\`.`,
    );
  }
  if (!KINDS.has((description as Method | undefined)?.kind)) {
    throw new TypeError(
      `Expected \`${service}.${method}\` to be made by unary({ input, output }) or one of its kin, got \`${String(description)}\`.`,
    );
  }
}

function checkSchema(name: string, schema: unknown): void {
  if (typeof (schema as Schema | undefined)?.['~standard']?.validate === 'function') return;
  throw new TypeError(
    `Expected \`${name}\` to be a Standard Schema, such as a zod 4 schema, got \`${String(schema)}\`.`,
  );
}
