// What each implementation of a service, and of its client, does in its own way.

/** A server says so of a call to `wait`: the last of a chain, that is. */
export interface Told {
  /** Its handler runs. */
  entered(id: number): void;
  /** Its handler knows that nobody waits any more. */
  stopped(id: number): void;
}

/** What every hop of a chain does besides. */
export interface Manner {
  /** The caller gives each call a deadline, which every hop carries on as its library does that. */
  readonly deadline?: boolean;
  /** Every handler asks for an AbortSignal. */
  readonly signal?: boolean;
}

/** A call that is never answered. */
export interface Waiting {
  cancel(): void;
  /** Settles when the caller may go on. Never rejects. */
  readonly over: Promise<unknown>;
}

export interface Client {
  greet(name: string): Promise<string>;
  wait(id: number): Waiting;
  close(): unknown;
}

export interface Peer {
  /**
   * Serves `greet`, which answers `Hello, ${name}!`, and `wait`, which does not answer.
   *
   * @param next the port of the hop behind, which is asked for whatever is asked here; undefined: there is none
   * @returns the port
   */
  serve(told: Told, next: number | undefined, manner: Manner): Promise<number>;
  connect(port: number, manner: Manner): Client;
}

/** A deadline far enough never to come. */
export const DEADLINE_MS = 60_000;

export function greeting(name: string): string {
  return `Hello, ${name}!`;
}

export const quiet = (promise: Promise<unknown>): Promise<unknown> => promise.catch(() => {});
