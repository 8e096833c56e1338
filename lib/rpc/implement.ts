import type { CallContext } from './context.ts';
import type { Method, Methods, RequestReceived, ResponseToSend, Service } from './contract.ts';

/** A method's work: the request, or requests, as its schema has read them, and what belongs to the call. */
type Implement<M extends Method> = (request: Incoming<M>, context: CallContext) => Outgoing<M>;

type Incoming<M extends Method> = M['kind'] extends 'unary' | 'serverStream'
  ? RequestReceived<M>
  : AsyncIterable<RequestReceived<M>>;

/** An async generator as a rule, for a stream of responses: when the call is over it is asked to return, and runs its `finally`. */
type Outgoing<M extends Method> = M['kind'] extends 'unary' | 'clientStream'
  ? ResponseToSend<M> | Promise<ResponseToSend<M>>
  : AsyncIterable<ResponseToSend<M>>;

export type Implementations<M extends Methods> = { readonly [K in keyof M]: Implement<M[K]> };

/** A service with its work, ready for `createHandler`. */
export interface Implementation {
  readonly service: Service;
  /** Runs one method; what it returns is not checked yet. */
  call(method: string, request: unknown, context: CallContext): unknown;
}

/**
 * Joins a service and its work.
 *
 * @param service what {@link service} made
 * @param methods a function for each method of the contract; an object or an instance of a class, which stays `this`
 * @throws TypeError when a method is missing
 */
export function implement<M extends Methods>(service: Service<M>, methods: Implementations<M>): Implementation {
  // Read by name: the contract's types have done their work at the call of `implement`.
  const work = methods as Readonly<Record<string, unknown>>;
  for (const name of Object.keys(service.methods)) {
    const given = writtenAs(name, work);
    if (typeof given === 'function') continue;
    throw new TypeError(
      `Expected \`${service.name}.${name}\` to be implemented by a function, got \`${String(given)}\`.`,
    );
  }
  return {
    service,
    call: (method, request, context) =>
      (work as Record<string, (request: unknown, context: CallContext) => unknown>)[method]?.(request, context),
  };
}

/** What stands under a name, unless every object has it: a `toString` may be a method of a contract. */
function writtenAs(name: string, work: Readonly<Record<string, unknown>>): unknown {
  const given = work[name];
  if (Object.hasOwn(work, name)) return given;
  return name === 'constructor' || given === Reflect.get(Object.prototype, name) ? undefined : given;
}
