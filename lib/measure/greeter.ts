import { z } from 'zod';
import { type Service, service, type Unary, unary } from '../rpc/index.ts';

/** `steps` is how much work the last hop has with it; a greeting takes a while. */
type Request = z.ZodObject<{ name: z.ZodString; steps: z.ZodDefault<z.ZodInt> }, z.core.$strict>;
type Response = z.ZodObject<{ message: z.ZodString }>;

/** The service that every hop of the chain serves, and calls on the next one. */
export const Greeter: Service<{ greet: Unary<Request, Response> }> = service('demo.v1.Greeter', {
  greet: unary({
    input: z.strictObject({ name: z.string().min(1), steps: z.int().min(0).max(1_000).default(30) }),
    output: z.object({ message: z.string() }),
  }),
});

/** Names the call in the reports of all hops; it decides nothing. */
export const CALL_HEADER = 'demo-call';
