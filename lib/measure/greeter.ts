import { z } from 'zod';
import { type ServerStream, type Service, serverStream, service, type Unary, unary } from '../rpc/index.ts';

/** `steps` is how much work the last hop has with it; a greeting takes a while. */
type Request = z.ZodObject<{ name: z.ZodString; steps: z.ZodDefault<z.ZodInt> }, z.core.$strict>;
type Response = z.ZodObject<{ message: z.ZodString }>;

const input = z.strictObject({ name: z.string().min(1), steps: z.int().min(0).max(1_000).default(30) });
const output = z.object({ message: z.string() });

/** A request as a hop has read it. */
export type Greeting = z.output<Request>;

/** The service that every hop of the chain serves, and calls on the next one: an answer at the end, or one for each step. */
export const Greeter: Service<{ greet: Unary<Request, Response>; greetings: ServerStream<Request, Response> }> =
  service('demo.v1.Greeter', { greet: unary({ input, output }), greetings: serverStream({ input, output }) });

/** The paths of the two. */
export const UNARY_PATH = '/demo.v1.Greeter/greet';
export const STREAM_PATH = '/demo.v1.Greeter/greetings';

/** Names the call in the reports of all hops. */
export const CALL_HEADER = 'demo-call';

/** How the names of calls begin that nobody cancels: of these a hop tells nothing but that it was cancelled all the same. */
export const SPARED = 'spared-';

export function readGreeting(value: unknown): Greeting {
  return input.parse(value);
}
