import type { CancellationToken } from '../core/index.ts';
import type { Board } from './board.ts';
import { type Caller, Chain, ChainLost, type ChainOptions } from './chain.ts';

/** What cancels can be measured on: a caller, the hops that report, and what they have reported. */
export interface Subject extends Pick<Caller, 'call' | 'changeMind' | 'load'> {
  /** From the first to the last. */
  readonly hops: readonly string[];
  readonly board: Board;
  /** Cancelled when a process is lost. */
  readonly token: CancellationToken;
  /** The error of a chain whose very first call does not come to a hop. @param instead what has happened */
  unreached(hop: string, instead: string): Error;
  /** Ends its processes, and resolves when none is left. */
  end(): Promise<void>;
}

/** A chain of ours, with a caller. @throws as {@link Chain.start} */
export async function startSubject(options: ChainOptions): Promise<Subject> {
  const chain = await Chain.start(options);
  try {
    const { call, changeMind, load } = await chain.caller();
    return {
      hops: chain.hops.map(({ name }) => name),
      board: chain.board,
      token: chain.token,
      call,
      changeMind,
      load,
      unreached: (hop, instead) => new ChainLost(`The first call was to reach hop ${hop}, ${instead}.`),
      end: () => chain.end(),
    };
  } catch (error) {
    await chain.end();
    throw error;
  }
}
