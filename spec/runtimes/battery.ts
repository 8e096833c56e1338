import type { Law } from './harness.ts';
import { deadlineLaws } from './laws/deadline.ts';
import { randomLaws } from './laws/random.ts';
import { signalLaws } from './laws/signal.ts';
import { treeLaws } from './laws/tree.ts';

/** All laws that hold in every runtime. */
export const laws: readonly Law[] = [
  ...treeLaws,
  ...deadlineLaws,
  ...signalLaws,
  ...randomLaws(Array.from({ length: 40 }, (_, i) => i + 1)),
];
