import { expected } from '../core/index.ts';

/** @throws TypeError or RangeError that names the option */
export function checkAtLeast(least: number, name: string, value: unknown): void {
  if (typeof value === 'number' && value >= least) return;
  const Kind = typeof value === 'number' ? RangeError : TypeError;
  throw new Kind(expected(name, `a number, ${least} or more`, value));
}
