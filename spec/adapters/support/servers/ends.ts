import { afterEach } from 'vitest';
import { ManualClock } from '../../../server/support/manual-clock.ts';

/** What is to be called when a spec is over, the last one first. */
export const ends: (() => unknown)[] = [];

afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

/** A clock that stands still until the spec is over. */
export function manual(): ManualClock {
  const clock = new ManualClock();
  ends.push(clock.restore);
  return clock;
}
