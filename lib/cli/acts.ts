import type { Caller, Chain } from '../measure/index.ts';

/** What an act is played on. */
export interface Stage {
  readonly chain: Chain;
  readonly caller: Caller;
  /** Whether the hops hand their tokens on; where they don't, nothing can be as it should. */
  readonly propagate: boolean;
}

/** One way for a call to end before its time. */
export interface Act {
  readonly name: 'cancel' | 'deadline' | 'peer-closed' | 'shutdown';
  readonly story: string;
  /** The time that the client gives the call, in milliseconds. */
  readonly budgetMs: number;
  /** When it happens, in milliseconds after the call was made. */
  readonly eventMs: number;
  /** Makes it happen; absent: the client does, by its own clock. */
  readonly strike?: (stage: Stage) => void;
  /** The client is to change its mind. */
  readonly changesMind?: true;
  /** What the client is to get, and each hop to see; null: nothing, its own token has no part in it. */
  readonly expected: { readonly client: string; readonly hops: readonly (string | null)[] };
}

/** The hop that is shut down in the last act. */
const DRAINED = 1;

export const acts: readonly Act[] = [
  {
    name: 'cancel',
    story: 'the client says “never mind” 200 ms into its 10 s',
    budgetMs: 10_000,
    eventMs: 200,
    changesMind: true,
    expected: { client: 'canceled', hops: ['CANCELLED', 'CANCELLED', 'CANCELLED'] },
  },
  {
    name: 'deadline',
    story: 'a budget of 300 ms runs out, on the clock of each hop',
    budgetMs: 300,
    eventMs: 300,
    expected: { client: 'deadline_exceeded', hops: ['TIMEOUT', 'TIMEOUT', 'TIMEOUT'] },
  },
  {
    name: 'peer-closed',
    story: 'the client process is killed (SIGKILL)',
    budgetMs: 10_000,
    eventMs: 200,
    strike: ({ caller }) => caller.strike('SIGKILL'),
    expected: { client: 'killed', hops: ['PEER_CLOSED', 'CANCELLED', 'CANCELLED'] },
  },
  {
    name: 'shutdown',
    story: 'B is told to go down (SIGTERM) and drains',
    budgetMs: 10_000,
    eventMs: 200,
    strike: ({ chain }) => chain.hops[DRAINED]?.strike('SIGTERM'),
    expected: { client: 'unavailable', hops: [null, 'SHUTDOWN', 'CANCELLED'] },
  },
];
