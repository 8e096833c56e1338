import { ChainLost } from './chain.ts';
import { SPARED } from './greeter.ts';
import type { CallOrder } from './messages.ts';
import type { Subject } from './subject.ts';

/** When the caller changes its mind. */
export type Phase = 'before-headers' | 'working' | 'streaming';

export const phases: readonly Phase[] = ['before-headers', 'working', 'streaming'];

/** One cancel: for each hop whether the call came to it, and milliseconds from the cancel; null: not in time, or never. */
export interface Round {
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

/** Cancels one call after another on one subject. */
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
    const { board, hops, changeMind } = this.#subject;
    const last = hops.at(-1) ?? '';
    const streamed = this.#options.at === 'streaming';
    const there = () => board.visit(call, last) !== undefined && (!streamed || board.call(call)?.streamingAt != null);
    await this.#until(there, { call, streamed }, `reach hop ${last}`);
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
    for (const call of this.#racing.splice(0)) this.#judge(call);
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
    const { board, token, call, unreached } = this.#subject;
    const reachMs = REACH * this.#options.patienceMs;
    call({ steps: ENDLESS, timeoutMs: reachMs + 2 * this.#options.patienceMs, ...order });
    const over = () => board.call(order.call)?.settledAt != null;
    const came = await board.within(reachMs, () => there() || over(), token);
    if (came && there()) return;
    const { code, message } = board.call(order.call) ?? {};
    const instead = code == null ? `not within ${reachMs / 1_000} s` : `but has ended: ${message ?? code}`;
    if (this.#calls === 1) throw unreached(instead);
    throw new ChainLost(`A call was to ${so}, ${instead}.`);
  }

  async #over(calls: readonly string[]): Promise<void> {
    const { board, token } = this.#subject;
    await board.within(this.#options.patienceMs, () => calls.every((call) => board.over(call)), token);
  }

  #judge(call: string): void {
    const { board, hops } = this.#subject;
    const from = board.call(call)?.cancelledAt ?? null;
    const since = (at: number | null | undefined) => (at == null || from === null ? null : at - from);
    const visits = hops.map((name) => board.visit(call, name));
    board.forget(call);
    this.#rounds.push({
      arrived: visits.map((visit) => visit !== undefined),
      heard: visits.map((visit) => since(visit?.heardAt)),
      stopped: visits.map((visit) => since(visit?.stoppedAt)),
    });
  }
}
