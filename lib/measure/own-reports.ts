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

/** What is known of a visit when one more report of it has come, in whatever order they do. */
export function visitWith(known: Visit | undefined, hop: string, { call, event, at = sharedNow() }: HopReport): Visit {
  return {
    ...(known ?? visitOf(hop, call)),
    ...(event === 'arrived' ? { arrivedAt: at } : {}),
    ...(event === 'cancelled' ? { reason: 'CANCELLED' as const, heardAt: at } : {}),
    ...(event === 'stopped' ? { stoppedAt: at, outcome: 'stopped' as const } : {}),
  };
}
