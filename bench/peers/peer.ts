/**
 * What the core's cases ask of an implementation, each call as its own users would write it: `S` the write side of a
 * root, `T` the read side, `C` whatever holds a linked child, `R` what takes a callback back.
 *
 * A class, so that a call goes through the prototype and costs the loop around it nothing. What an implementation
 * does not have it leaves out, and the cases that need it with it.
 */
export interface Peer<S, T, C, R> {
  root(): S;
  token(root: S): T;
  /** No reason is given and none is read. */
  cancel(root: S): void;
  /** With a reason that exists already, where there are reasons. */
  cancelWith(root: S): void;
  poll(token: T): boolean;
  register(token: T, callback: () => void): R;
  unregister(registration: R, token: T, callback: () => void): void;
  /** Cancelled when the parent is. */
  child(parent: T): C;
  childToken(child: C): T;
  /** Releases a child, or what `timeout` has made. */
  close(child: C): void;
  /** A child that times out. */
  request(parent: T, ms: number): C;
  /** Times out, and has no parent. */
  timeout(ms: number): C;
  signal(token: T): AbortSignal;
}

export type Call = keyof Peer<unknown, unknown, unknown, unknown>;

/** A source and the timer that cancels it, where sources have no deadlines of their own. */
export class Timed<S> {
  readonly source: S;
  readonly timer: NodeJS.Timeout;

  constructor(source: S, ms: number, cancel: () => void) {
    this.source = source;
    this.timer = timer(ms, cancel);
  }
}

/** One that does not keep the process alive. */
export function timer(ms: number, fire: () => void): NodeJS.Timeout {
  return setTimeout(fire, ms).unref();
}
