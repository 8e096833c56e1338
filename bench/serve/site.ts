// A server to be measured: it greets, and it holds.
import type { AddressInfo, Server } from 'node:net';

export type Protocol = 'http1' | 'h2c';

/** What a handler that holds its request tells. */
export interface Desk {
  /** The request has come. */
  held(): void;
  /** The handler has been told that nobody waits for it. */
  left(): void;
}

/** @returns the port, once it listens */
export type Start = (protocol: Protocol, desk: Desk) => Promise<number>;

export interface Site {
  readonly start: Start;
}

export const PATH = '/hello';
export const HOLD = '/hold';

export interface Greeting {
  readonly message: string;
}

export function greet(name: string): Greeting {
  return { message: `Hello, ${name}!` };
}

export async function portOf(server: Server): Promise<number> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return (server.address() as AddressInfo).port;
}

/** A response that never comes, of a handler that goes by a signal. */
export function holding(signal: AbortSignal, desk: Desk): Promise<never> {
  signal.addEventListener('abort', () => desk.left());
  desk.held();
  return new Promise(() => {});
}
