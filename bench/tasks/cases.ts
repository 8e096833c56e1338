// The table: what is measured, and what is to be reached. All who race here wait for the losers.
import type { Case } from '../harness.ts';

export const OURS = 'nevermind';
export const PLATFORM = 'platform';
export const ACX = 'abort-controller-x';
export const EFFECT = 'Effect';
export const EFFECTION = 'effection';

const PEERS = [ACX, EFFECT, EFFECTION];

/** What can be done with an implementation; it leaves out what it has nothing of. */
export type Call = 'run' | 'fork' | 'cancel' | 'any' | 'all' | 'checkpoint' | 'checkpointBytes' | 'current' | 'cell';

export const cases: readonly (Case & { readonly id: Call })[] = [
  {
    id: 'run',
    title: 'run a task that awaits once',
    unit: 'ns',
    targets: [{ atMost: 500 }, { against: [ACX], atLeast: 10 }],
  },
  {
    id: 'fork',
    title: 'start that task, tell it to stop, wait for its end',
    unit: 'ns',
    targets: [{ against: [EFFECT], atLeast: 4 }],
  },
  { id: 'cancel', title: 'the same with one that waits to be stopped', unit: 'ns', targets: [] },
  {
    id: 'any',
    title: 'the first of 3, which cancels 2 that wait',
    unit: 'ns',
    targets: [{ against: PEERS, atLeast: 3 }],
  },
  { id: 'all', title: 'all of 10 that await once', unit: 'ns', targets: [{ against: PEERS, atLeast: 3 }] },
  { id: 'checkpoint', title: 'checkpoint, not due', unit: 'ns', targets: [{ atMost: 10 }] },
  { id: 'checkpointBytes', title: 'checkpoint, not due: heap', unit: 'B', targets: [{ atMost: 0 }] },
  {
    id: 'current',
    title: 'set and ask the current token',
    unit: 'ns',
    targets: [{ against: [PLATFORM], atLeast: 1 / 1.1 }],
  },
  {
    id: 'cell',
    title: 'poll a token that another thread has shared',
    unit: 'ns',
    targets: [{ against: [PLATFORM], atLeast: 1 / 1.5 }],
  },
];
