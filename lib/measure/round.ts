import { ChainLost } from './chain.ts';
import { SPARED } from './greeter.ts';
import type { CallOrder } from './messages.ts';
import type { Subject } from './subject.ts';

/** When the caller changes its mind. */
export type Phase = 'before-headers' | 'working' | 'streaming';

export const phases: readonly Phase[] = ['before-headers', 'working', 'streaming'];

/** One cancel: for each hop whether the call came to it, and milliseconds from the cancel; null: not in time, or never. */
export interface Round {
  /** The call had come to an end, at its caller or at a hop, before it was cancelled: there is nothing to measure. */
  readonly early: boolean;
  readonly arrived: readonly boolean[];
  readonly heard: readonly (number | null)[];
  readonly stopped: readonly (number | null)[];
}

export interface RoundOptions {
  readonly at: Phase;
  /** How long a cancel may take before it counts as one that never arrived, in milliseconds. */
  readonly patienceMs: number;
}

/** How many times the patience a call may take to get where it is to be cancelled, or to its end. */
export const REACH = 10;
/** More work than anybody waits for: nothing but the cancel ends a call. */
const ENDLESS = 1_000;
/** A cancel before the headers goes out after so many turns of the event loop at most: it races the call down the chain. */
const TURNS = 10;
/** How many cancels later one that races its call is judged: what comes late, comes by then. */
const LATER = 32;

/**
 * Cancels one call after another on one subject.
 *
 * 1. A hop that has the call has it from the hop before: whichever of them does not report, it is missed.
 * 2. No figure is of an instant before the cancel.
 * 3. What is reported of a call after it was judged is not kept.
 */
export class Rounds {
  readonly #subject: Subject;
  readonly #options: RoundOptions;
  readonly #racing: string[] = [];
  readonly #rounds: Round[] = [];
  #calls = 0;

  constructor(subject: Subject, options: RoundOptions) {
    this.#subject = subject;
    this.#options = options;
  }

  get done(): readonly Round[] {
    return this.#rounds;
  }

  /** What was measured until now does not count. */
  async reset(): Promise<void> {
    await this.settle();
    this.#rounds.length = 0;
  }

  /** Makes a call and cancels it. @throws ChainLost when it does not come through */
  async cancelOne(): Promise<void> {
    const call = String(++this.#calls);
    if (this.#options.at === 'before-headers') return await this.#race(call);
    const { board, hops, token, changeMind } = this.#subject;
    const streamed = this.#options.at === 'streaming';
    const all = () => this.#silent(call) === undefined;
    const last = hops.at(-1) ?? '';
    // The first call shows whether each hop reports. Of the others the last hop has them all, so those before it do too: one
    // that does not say so is waited for no longer than for a cancel.
    const reached = this.#calls === 1 ? all : () => board.visit(call, last) !== undefined;
    const there = () => reached() && (!streamed || board.call(call)?.streamingAt != null);
    await this.#until(there, { call, streamed }, `reach hop ${last}`);
    await board.within(this.#options.patienceMs, () => all() || this.#isEarly(call), token);
    changeMind(call);
    await this.#over([call]);
    this.#judge(call);
  }

  /** Makes a call that nobody cancels, and waits for its end. */
  async spareOne(): Promise<void> {
    const call = `${SPARED}${++this.#calls}-control`;
    const { board } = this.#subject;
    await this.#until(() => board.call(call)?.settledAt != null, { call, steps: 1 }, 'come to its end');
    board.forget(call);
  }

  /** Judges what is still to be judged. */
  async settle(): Promise<void> {
    await this.#over(this.#racing);
    for (let call = this.#racing.shift(); call !== undefined; call = this.#racing.shift()) this.#judge(call);
  }

  async #race(call: string): Promise<void> {
    const { board } = this.#subject;
    const order = { call, cancelAfterTurns: this.#calls % TURNS };
    await this.#until(() => board.call(call)?.settledAt != null, order, 'be given up by its caller');
    this.#racing.push(call);
    if (this.#racing.length <= LATER) return;
    const due = this.#racing.shift() as string;
    await this.#over([due]);
    this.#judge(due);
  }

  /** Sends a call, and waits until it has got so far. */
  async #until(there: () => boolean, order: Pick<CallOrder, 'call'> & Partial<CallOrder>, so: string): Promise<void> {
    const { board, hops, token, call, unreached } = this.#subject;
    const reachMs = REACH * this.#options.patienceMs;
    call({ steps: ENDLESS, timeoutMs: reachMs + 2 * this.#options.patienceMs, ...order });
    const over = () => board.call(order.call)?.settledAt != null;
    const came = await board.within(reachMs, () => there() || over(), token);
    if (came && there()) return;
    const { code, message } = board.call(order.call) ?? {};
    const instead = code == null ? `not within ${reachMs / 1_000} s` : `but has ended: ${message ?? code}`;
    if (this.#calls === 1) throw unreached(this.#silent(order.call) ?? hops.at(-1) ?? '', instead);
    throw new ChainLost(`A call was to ${so}, ${instead}.`);
  }

  /** The first hop that has not reported of a call. */
  #silent(call: string): string | undefined {
    const { board, hops } = this.#subject;
    return hops.find((hop) => board.visit(call, hop) === undefined);
  }

  async #over(calls: readonly string[]): Promise<void> {
    const { board, token } = this.#subject;
    await board.within(this.#options.patienceMs, () => calls.every((call) => this.#isTold(call)), token);
  }

  /** All that there is to tell of a call has been told. */
  #isTold(call: string): boolean {
    if (this.#isEarly(call)) return true;
    const { board, hops } = this.#subject;
    const came = hops.map((hop) => board.visit(call, hop) !== undefined);
    return board.over(call) && came.lastIndexOf(true) === came.filter(Boolean).length - 1;
  }

  /** Its caller knew of its end, and had not cancelled it. */
  #isEarly(call: string): boolean {
    const { settledAt = null, cancelledAt = null } = this.#subject.board.call(call) ?? {};
    return settledAt !== null && cancelledAt === null;
  }

  #judge(call: string): void {
    const { board, hops } = this.#subject;
    const from = board.call(call)?.cancelledAt ?? null;
    const visits = hops.map((name) => board.visit(call, name));
    const before = (at: number | null | undefined) => at != null && from !== null && at < from;
    const early = this.#isEarly(call) || visits.some((visit) => before(visit?.heardAt));
    const since = (at: number | null | undefined) =>
      at == null || from === null || early || before(at) ? null : at - from;
    board.keep(this.#racing);
    this.#rounds.push({
      early,
      arrived: visits.map((_, hop) => !early && visits.slice(hop).some((visit) => visit !== undefined)),
      heard: visits.map((visit) => since(visit?.heardAt)),
      stopped: visits.map((visit) => since(visit?.stoppedAt)),
    });
  }
}
