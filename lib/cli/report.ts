// What the demo tells, as data. Its shape is public: `--json` prints it, and docs/guide/demo.md describes it.
import type { CancelReason } from '../core/index.ts';
import type { Outcome, Visit } from '../measure/index.ts';

/** Times are milliseconds; `…Ms` of a hop count from the event unless they say otherwise. */
export interface HopReport {
  readonly hop: string;
  /** Why its token was cancelled; null: it was not. */
  readonly reason: CancelReason | null;
  /** How its handler ended; null: it has not. */
  readonly outcome: Outcome | null;
  /** When the call reached it, from the client's start. */
  readonly arrivedMs: number;
  readonly heardMs: number | null;
  readonly stoppedMs: number | null;
  /** What was left until the deadline when the call arrived, and when it was cancelled; null: no deadline, or not cancelled. */
  readonly budgetMs: number | null;
  readonly leftMs: number | null;
  /** `lost`: done after the event, for nobody. */
  readonly steps: { readonly of: number; readonly done: number; readonly saved: number; readonly lost: number };
}

export interface CallReport {
  /** When it happened, from the client's start; null: nothing did. */
  readonly eventMs: number | null;
  readonly hops: readonly HopReport[];
}

export interface ActReport extends CallReport {
  readonly act: string;
  readonly story: string;
  readonly client: {
    /** What the call came to: a code, or `killed`; null: nothing yet. */
    readonly code: string | null;
    readonly settledMs: number | null;
    readonly budgetMs: number;
  };
  /** Hops whose handler was still at work 1 s after the event. */
  readonly zombies: readonly string[];
  /** What was not as the act would have it, in sentences. */
  readonly unexpected: readonly string[];
}

export interface DemoReport {
  readonly propagate: boolean;
  readonly acts: readonly ActReport[];
  readonly tookMs: number;
  /** No zombie, and every reason as expected. */
  readonly ok: boolean;
}

/** @param eventAt on the shared clock, as the instants of the visits are; null: nothing has happened */
export function callReport(visits: readonly Visit[], startedAt: number, eventAt: number | null): CallReport {
  return {
    eventMs: eventAt === null ? null : rounded(eventAt - startedAt),
    hops: visits.map((visit) => hopReport(visit, startedAt, eventAt)),
  };
}

function hopReport(visit: Visit, startedAt: number, eventAt: number | null): HopReport {
  const since = (at: number | null) => (at === null ? null : rounded(at - (eventAt ?? startedAt)));
  const done = visit.doneAt.length;
  return {
    hop: visit.hop,
    reason: visit.reason,
    outcome: visit.outcome,
    arrivedMs: rounded(visit.arrivedAt - startedAt),
    heardMs: since(visit.heardAt),
    stoppedMs: since(visit.stoppedAt),
    budgetMs: visit.budgetMs === null ? null : rounded(visit.budgetMs),
    leftMs: visit.leftMs === null ? null : rounded(visit.leftMs),
    steps: {
      of: visit.steps,
      done,
      saved: visit.steps - done,
      lost: eventAt === null ? 0 : visit.doneAt.filter((at) => at > eventAt).length,
    },
  };
}

/** To microseconds: the rest is noise. */
export function rounded(ms: number): number {
  return Math.round(ms * 1e3) / 1e3;
}
