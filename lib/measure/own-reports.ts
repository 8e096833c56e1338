import { z } from 'zod';
import type { BenchChain, HopReport } from './contract.ts';
import { sharedNow, type Visit, visitOf } from './visit.ts';

/** What a chain that names no hops has. */
const LAST = 'last';

const report = z.object({
  call: z.string().min(1),
  event: z.enum(['arrived', 'cancelled', 'stopped']),
  at: z.number().optional(),
  hop: z.string().optional(),
});
const reports = z.union([report.transform((one) => [one]), z.array(report)]);

/** @throws TypeError that says what a report is */
export function readReports(value: unknown): HopReport[] {
  const { data } = reports.safeParse(value);
  if (data !== undefined) return data.map((one) => ({ at: sharedNow(), ...one }));
  throw new TypeError(
    `Expected a report { call, event: 'arrived' | 'cancelled' | 'stopped', at?, hop? }, got ${JSON.stringify(value)}.`,
  );
}

/** The names of the hops of what `start` has returned. @throws Error when it is no chain */
export function hopsOf(chain: BenchChain | undefined, file: string): readonly string[] {
  if (typeof chain?.call !== 'function') {
    throw new Error(`Expected \`start\` of ${file} to return { call, end?, hops? }, got ${describe(chain)}.`);
  }
  const { hops = [LAST] } = chain;
  const proper = Array.isArray(hops) && hops.length > 0 && hops.every((hop) => typeof hop === 'string');
  if (proper) return hops;
  throw new Error(`Expected \`hops\` of ${file} to be a list of names, got ${JSON.stringify(hops)}.`);
}

function describe(value: unknown): string {
  return typeof value === 'object' && value !== null ? `{ ${Object.keys(value).join(', ')} }` : String(value);
}

/** Puts reports together to visits, in whatever order they come. */
export class Visits {
  readonly #hops: readonly string[];
  readonly #open = new Map<string, Visit>();

  constructor(hops: readonly string[]) {
    this.#hops = hops;
  }

  /** @returns undefined for a hop that was not announced */
  add({ call, event, at = sharedNow(), hop = this.#hops.at(-1) ?? LAST }: HopReport): Visit | undefined {
    if (!this.#hops.includes(hop)) return undefined;
    const key = `${hop} ${call}`;
    const known = this.#open.get(key) ?? visitOf(hop, call);
    const visit: Visit = {
      ...known,
      ...(event === 'arrived' ? { arrivedAt: at } : {}),
      ...(event === 'cancelled' ? { reason: 'CANCELLED' as const, heardAt: at } : {}),
      ...(event === 'stopped' ? { stoppedAt: at, outcome: 'stopped' as const } : {}),
    };
    const whole = visit.heardAt !== null && visit.stoppedAt !== null;
    if (whole) this.#open.delete(key);
    else this.#open.set(key, visit);
    return visit;
  }
}
