import { SPARED } from './greeter.ts';
import type { CallOrder, CallState, FromCaller, Told } from './messages.ts';
import { sharedNow } from './visit.ts';

/** A call that was made. */
export interface Made {
  /** @returns whether that was what ended it */
  cancel(): boolean;
  /** Never rejects. */
  readonly done: Promise<Pick<CallState, 'code' | 'message'>>;
}

/** Makes a call. @param streaming to be called when the first message of a stream has come */
export type Make = (order: CallOrder, streaming: () => void) => Made;

/** What a call of the load is: one step of work. */
const LIGHT = { steps: 1, timeoutMs: 60_000 };

/** When a cancel is told of by itself, as its call has still not come to an end; in milliseconds. */
const TELL_MS = 20;

/** In a process that makes calls: takes the orders, and tells what comes of them. */
export class Desk {
  readonly #make: Make;
  readonly #tell: (news: FromCaller) => void;
  readonly #minds = new Map<string, () => void>();
  #load = 0;
  #loaded = 0;
  #lines: Promise<void>[] = [];

  constructor(make: Make, tell: (news: FromCaller) => void) {
    this.#make = make;
    this.#tell = tell;
  }

  async hear(told: Told): Promise<void> {
    if ('changeMind' in told) this.#minds.get(told.changeMind)?.();
    else if ('load' in told) await this.#keep(told.load);
    else await this.#call(told);
  }

  async #call(order: CallOrder): Promise<void> {
    const { call, timeoutMs, cancelAfterMs, cancelAfterTurns } = order;
    const startedAt = sharedNow();
    const open = { streamingAt: null, cancelledAt: null, settledAt: null, code: null };
    let state: CallState = { call, startedAt, deadlineAt: startedAt + timeoutMs, ...open };
    const note = (news: Partial<CallState>) => {
      state = { ...state, ...news };
      this.#tell({ state });
    };
    const made = this.#make(order, () => note({ streamingAt: sharedNow() }));
    let late: NodeJS.Timeout | undefined;
    const changeMind = () => {
      const cancelledAt = sharedNow();
      if (!made.cancel()) return;
      // Told with what comes of the call: a write here would be part of what is measured.
      state = { ...state, cancelledAt };
      late = setTimeout(() => note({}), TELL_MS);
    };
    this.#minds.set(call, changeMind);
    note({});
    const timer = cancelAfterMs === undefined ? undefined : setTimeout(changeMind, cancelAfterMs);
    if (cancelAfterTurns !== undefined) afterTurns(cancelAfterTurns, changeMind);
    const { code, message } = await made.done;
    const settledAt = sharedNow();
    // Told in a later turn, as the cancel itself may still have to go out in this one.
    await new Promise(setImmediate);
    clearTimeout(timer);
    clearTimeout(late);
    this.#minds.delete(call);
    note({ settledAt, code, ...(message === undefined ? {} : { message }) });
  }

  async #keep(load: number): Promise<void> {
    this.#load = load;
    if (load > 0) this.#lines = Array.from({ length: load }, () => this.#line());
    else {
      await Promise.all(this.#lines);
      this.#tell({ loaded: this.#loaded });
    }
  }

  /** One call after another; tells of those alone that have failed. */
  async #line(): Promise<void> {
    while (this.#load > 0) {
      // Of a call that is through at once nothing but promises is left: the turn would never end, and no other call be heard of.
      await new Promise(setImmediate);
      const call = `${SPARED}${++this.#loaded}`;
      const startedAt = sharedNow();
      const { code, message = '' } = await this.#make({ ...LIGHT, call }, () => {}).done;
      if (code === 'ok') continue;
      const open = { streamingAt: null, cancelledAt: null };
      this.#tell({ state: { call, startedAt, deadlineAt: 0, ...open, settledAt: sharedNow(), code, message } });
    }
  }
}

function afterTurns(turns: number, run: () => void): void {
  if (turns === 0) run();
  else setImmediate(() => afterTurns(turns - 1, run));
}
