// A request that somebody else's server has handed to an adapter: its token, its limits, and the answer in its handler's place.
//
// Invariants
// 1. The token is cancelled only before the whole response is queued; queueing it closes the source.
// 2. The peer gets one answer: after one in the handler's place the line is mute.
// 3. A visit leaves the reception when its exchange is over and its handler has ended, where that can be known.
import { runWithToken } from '../ambient.ts';
import { type CancellationSource, CancellationToken, clock, reasonOf } from '../core/index.ts';
import { isAnswered } from '../wire/index.ts';
import type { Underway } from './in-flight.ts';
import type { Line, LineWatcher } from './line.ts';
import { NOT_IN_TIME, type Refusal, refusalOf, SHUTTING_DOWN, whatPassed } from './refusal.ts';
import type { Abandoned } from './web-handler.ts';

/** What a visit needs of the reception that took it in. */
export interface VisitHost {
  readonly handlerTimeoutMs: number;
  readonly requestTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly fromAmbient: boolean;
  onAbandoned(abandoned: Abandoned): void;
  onError(error: unknown, name: string): void;
  ended(visit: Visit): void;
}

/** Says something in the handler's place. */
export type Say = (refusal: Refusal) => void;

export class Visit implements Underway, LineWatcher {
  /** The handler threw something that was no cancel. */
  failed = false;
  /** Where the reception's list has it. */
  place = -1;
  /** Who answers in a language of its own, inside an application with an adapter or alone. */
  speaker: object | undefined;
  readonly source: CancellationSource;
  readonly #host: VisitHost;
  readonly line: Line;
  #say: Say;
  readonly #startedAt = clock.now();
  /** What the caller and the server allow for the whole, in milliseconds from the start. */
  readonly #allowed: number;
  #waiting: (() => void)[] | undefined;
  #handlers = 0;
  #stoppedAt = 0;
  #queued = false;
  #moot = false;
  #told = false;
  /** A handler has stopped with the cancel: what is written after that is its framework's. */
  #obeyed = false;
  #left = false;

  /** @param asked what the caller allows, in milliseconds */
  constructor(host: VisitHost, line: Line, say: Say, asked: number) {
    this.#host = host;
    this.line = line;
    this.#say = say;
    this.source = line.source;
    this.#allowed = Math.min(asked, host.maxTimeoutMs);
    const whole = Math.min(host.requestTimeoutMs, this.#allowed);
    const limit = Math.min(host.handlerTimeoutMs, whole);
    line.watch(this, limit < whole);
    if (limit === Number.POSITIVE_INFINITY) return;
    this.token.onCancel(this);
    this.source.cancelAfter(limit);
  }

  /** From here on there is a storage for the current token: what is awaited already when the first request comes has it too. */
  static prepare(): void {
    runWithToken(CancellationToken.none, () => {});
  }

  get token(): CancellationToken {
    return this.source.token;
  }

  get name(): string {
    return this.line.name;
  }

  get ageMs(): number {
    return clock.now() - this.#startedAt;
  }

  /** Nobody waits for what the handler brings: it was answered for, or the peer has gone. */
  get moot(): boolean {
    return this.#moot;
  }

  /** The peer has gone. */
  get deserted(): boolean {
    const { reason } = this.token;
    return reason !== undefined && !isAnswered(reason);
  }

  get handlerRuns(): boolean {
    return this.#handlers > 0;
  }

  /** Calls `fn` with the token as the current one, where the reception does that. @returns what `fn` returns */
  run<T>(fn: () => T): T {
    return this.#host.fromAmbient ? runWithToken(this.token, fn) : fn();
  }

  /**
   * Runs a handler, and waits for its end where it returns a promise. An error that {@link settles} is none to the caller, who
   * gets undefined, as for a value that comes too late; any other is passed on.
   */
  handle<T>(fn: () => T | PromiseLike<T>): T | Promise<T | undefined> | undefined {
    return this.#track(fn, this.#host.fromAmbient);
  }

  /** As {@link handle}, where the token is the current one already. */
  track<T>(fn: () => T | PromiseLike<T>): T | Promise<T | undefined> | undefined {
    return this.#track(fn, false);
  }

  #track<T>(fn: () => T | PromiseLike<T>, underToken: boolean): T | Promise<T | undefined> | undefined {
    let result: T | PromiseLike<T>;
    try {
      result = underToken ? runWithToken(this.token, fn) : fn();
    } catch (error) {
      if (this.settles(error)) return undefined;
      throw error;
    }
    return isThenable(result) ? this.#follow(result) : result;
  }

  async #follow<T>(result: PromiseLike<T>): Promise<T | undefined> {
    this.#handlers++;
    const say = this.#say;
    try {
      const value = await result;
      // What it brings is the answer of whoever it has handed the request on to.
      if (say !== this.#say) return value;
      this.#tell();
      return this.#moot ? undefined : value;
    } catch (error) {
      if (this.settles(error)) return undefined;
      this.#tell();
      throw error;
    } finally {
      this.#handlers--;
      if (this.line.over) this.#leave();
    }
  }

  /**
   * Whether an error of the handler is the request's cancel, or a deadline of something that it called: then it is answered for
   * here, with 504 or 503 where somebody is there, and the framework need not hear of it.
   */
  settles(error: unknown): boolean {
    const reason = reasonOf(error);
    const cancelled = this.token.reason;
    if (reason === undefined || (cancelled === undefined && reason !== 'TIMEOUT')) {
      this.failed = true;
      return false;
    }
    this.#obeyed = cancelled !== undefined;
    if (cancelled === undefined) this.#answer(refusalOf(reason, NOT_IN_TIME));
    else if (cancelled === 'SHUTDOWN') this.force();
    return true;
  }

  /** From here on somebody else speaks in the handler's place, in a language that its callers know better. */
  delegate(say: Say): void {
    this.#say = say;
    this.line.mutes = false;
  }

  /** Heard where there is a limit, which may have passed. */
  onCancelled({ reason }: CancellationToken): void {
    if (reason !== 'TIMEOUT') return;
    this.#stoppedAt = this.ageMs;
    this.#answer(refusalOf(reason, this.#whatPassed()));
  }

  /** A peer that has gone is told nothing. */
  left(): void {
    this.#stoppedAt = this.ageMs;
    this.#mute();
  }

  /** The drain has run out: the last word is said now, or never. */
  force(): void {
    this.#stoppedAt = this.ageMs;
    this.#answer(refusalOf('SHUTDOWN', SHUTTING_DOWN));
  }

  /** A drain has begun: this is the last request on its connection. */
  last(): void {
    this.line.last();
  }

  begun(): void {
    const left = Math.min(this.#host.requestTimeoutMs, this.#allowed) - this.ageMs;
    // Where no time is left a timer is about to say so. Here it would interrupt the head, with another one.
    if (left > 0) this.source.cancelAfter(left);
  }

  queued(): void {
    this.#queued = true;
    this.source.close();
  }

  over(): void {
    this.source.close();
    this.#leave();
    for (const fn of this.#waiting?.splice(0) ?? []) fn();
  }

  /** Calls `fn` when the exchange is over, however it ended; at once, where it is. */
  whenOver(fn: () => void): void {
    this.#waiting ??= [];
    if (this.line.over) fn();
    else this.#waiting.push(fn);
  }

  /** The handler has failed, and its framework has an answer already. */
  unheard(error: unknown): void {
    this.#host.onError(error, this.name);
  }

  #leave(): void {
    if (this.#left || this.handlerRuns) return;
    this.#left = true;
    this.#host.ended(this);
  }

  #answer(refusal: Refusal): void {
    if (this.#queued || this.#moot) return;
    if (this.line.speaksForItself) clock.after(ANSWER_MS, () => this.#queued || this.line.cut());
    else {
      if (this.line.begun) this.line.cut();
      else {
        this.line.last();
        this.#say(refusal);
      }
      this.#mute();
    }
  }

  #mute(): void {
    this.#moot = true;
    if (this.line.mutes) this.line.mute(() => this.#obeyed || this.#tell());
  }

  #whatPassed(): string {
    return whatPassed(this.#allowed, Math.min(this.#host.handlerTimeoutMs, this.#host.requestTimeoutMs));
  }

  /** The handler brings something, and nobody waits for it. */
  #tell(): void {
    const { error } = this.token;
    if (!this.#moot || this.#told || error === undefined) return;
    this.#told = true;
    this.#host.onAbandoned({ name: this.name, error, ranOnMs: this.ageMs - this.#stoppedAt });
  }
}

function isThenable<T>(value: T | PromiseLike<T>): value is PromiseLike<T> {
  return typeof (value as PromiseLike<T> | null | undefined)?.then === 'function';
}

/** What one who speaks for himself may take after the deadline, in milliseconds. */
const ANSWER_MS = 1_000;
