import type { CancellationToken, CancelReason } from '../core/index.ts';
import type { RpcCode } from '../rpc/index.ts';
import { SPARED } from './greeter.ts';

/** What one hop knows of one call by now. Instants are milliseconds on the machine's monotonic clock, the same in every process. */
export interface Visit {
  readonly hop: string;
  readonly call: string;
  readonly arrivedAt: number;
  /** Milliseconds until the deadline, on arrival; null: none. */
  readonly budgetMs: number | null;
  /** Why the hop's token was cancelled, when it heard of it, and what was left of the budget then. */
  readonly reason: CancelReason | null;
  readonly heardAt: number | null;
  readonly leftMs: number | null;
  /** When the handler had come to its end, and to which. */
  readonly stoppedAt: number | null;
  readonly outcome: Outcome | null;
  /** How many steps the handler means to do, and when it was done with each. */
  readonly steps: number;
  readonly doneAt: readonly number[];
}

/** `stopped`: by its own token; a code: what the next hop said. */
export type Outcome = 'answered' | 'stopped' | RpcCode;

/** The clock that processes of one machine share: `performance.now()` starts at zero in each. */
export function sharedNow(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}

/**
 * Two turns of the event loop on: in the one between, the frames of a cancel have gone out and its calls fail, and a write would be
 * part of what is measured.
 */
export function afterCancel(tell: () => void): void {
  setImmediate(() => setImmediate(tell));
}

/** A visit of which nothing is known but that it has begun. */
export function visitOf(hop: string, call: string, steps = 0): Visit {
  const unheard = { reason: null, heardAt: null, leftMs: null, stoppedAt: null, outcome: null };
  return { hop, call, arrivedAt: sharedNow(), budgetMs: null, ...unheard, steps, doneAt: [] };
}

/** Milliseconds, or null where there is no limit: JSON knows no Infinity. */
function finite(ms: number): number | null {
  return ms === Number.POSITIVE_INFINITY ? null : ms;
}

/** Keeps a {@link Visit} and tells it anew after each change; of a call that is spared, from a cancel on. */
export class Notes {
  #visit: Visit;
  #telling = false;
  readonly #tell: (visit: Visit) => void;

  constructor(visit: Visit, tell: (visit: Visit) => void) {
    this.#visit = visit;
    this.#tell = tell;
    this.note({});
  }

  get visit(): Visit {
    return this.#visit;
  }

  note(news: Partial<Visit>): void {
    this.#visit = { ...this.#visit, ...news };
    const { call, heardAt } = this.#visit;
    if (this.#telling || (heardAt === null && call.startsWith(SPARED))) return;
    this.#telling = true;
    afterCancel(() => {
      this.#telling = false;
      this.#tell(this.#visit);
    });
  }
}

/** The notes of a hop that works under a token. */
export class Diary {
  readonly #notes: Notes;

  constructor(hop: string, call: string, steps: number, token: CancellationToken, tell: (visit: Visit) => void) {
    const notes = new Notes({ ...visitOf(hop, call, steps), budgetMs: finite(token.remaining()) }, tell);
    this.#notes = notes;
    token.onCancel({
      onCancelled({ reason = null }) {
        notes.note({ reason, heardAt: sharedNow(), leftMs: finite(token.remaining()) });
      },
    });
  }

  stepDone(): void {
    this.#notes.note({ doneAt: [...this.#notes.visit.doneAt, sharedNow()] });
  }

  /** Passes on `result`, so that this is the last thing a handler does. */
  stopped<T>(outcome: Outcome, result: T): T {
    this.#notes.note({ stoppedAt: sharedNow(), outcome });
    return result;
  }
}
