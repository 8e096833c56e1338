import { relative, sep } from 'node:path';
import type { CancellationToken } from '../core/index.ts';
import type { Setting } from './baseline.ts';
import type { TransportName } from './carrier.ts';
import { type ContestOptions, contest, type Seen } from './contest.ts';
import type { Fault } from './fault.ts';
import { OwnChain } from './own-chain.ts';
import { type Ratios, ratiosOf } from './ratio.ts';
import { type Subject, startSubject } from './subject.ts';

export interface BenchOptions extends ContestOptions {
  /** Of our chain, and of the floor. */
  readonly hops: number;
  readonly transport: TransportName;
  /** A user's module in place of our chain. */
  readonly chain?: string | undefined;
  /** Whether a chain of bare node:http2 is measured beside it. */
  readonly floor: boolean;
  readonly fault: Fault | null;
}

/** What one run has seen. */
export interface Bench {
  readonly setting: Setting;
  readonly warmup: number;
  readonly seen: Seen;
  readonly floor: Seen | undefined;
  /** Undefined without a floor, with too few pairs, and where a cancel races its call: then the two see different things. */
  readonly ratios: Ratios | undefined;
  /** Its token was cancelled before it was through. */
  readonly interrupted: boolean;
}

/**
 * Starts what is to be measured, each part of it in a process of its own, and measures it.
 *
 * @throws ChainLost or BadChain, or a token's error which has one as its cause; no process is left behind
 */
export async function runBench(options: BenchOptions): Promise<Bench> {
  const subjects = await startAll([
    options.chain === undefined
      ? startSubject({ ...plain(options), transport: options.transport, fault: options.fault })
      : OwnChain.start(options.chain, options.token),
    ...(options.floor ? [startSubject({ ...plain(options), transport: 'floor' })] : []),
  ]);
  try {
    const [seen, floor] = await contest(subjects, options);
    return {
      setting: settingOf(options),
      warmup: options.warmup,
      seen: seen as Seen,
      floor,
      ratios: floor === undefined || options.at === 'before-headers' ? undefined : ratiosOf(seen as Seen, floor),
      interrupted: options.token.cancelled,
    };
  } finally {
    await Promise.all(subjects.map((subject) => subject.end()));
  }
}

/** What a run is, for whoever compares it with another one. */
export function settingOf(options: Pick<BenchOptions, 'chain' | 'hops' | 'transport' | 'at' | 'load'>): Setting {
  const { chain, hops, transport, at, load } = options;
  return {
    node: `Node ${process.versions.node.split('.')[0]}`,
    machine: `${process.platform} ${process.arch}`,
    chain: chain === undefined ? 'built in' : relative('', chain).replaceAll(sep, '/'),
    hops,
    transport: chain === undefined ? transport : 'its own',
    at,
    load,
  };
}

function plain({ hops, token }: { hops: number; token: CancellationToken }) {
  return { hops, token, port: 0, propagate: true, stepMs: 20, ownStepMs: 0 };
}

/** All or none: those that have come up are ended when one does not. */
async function startAll(starting: readonly Promise<Subject>[]): Promise<Subject[]> {
  const settled = await Promise.allSettled(starting);
  const up = settled.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
  const failed = settled.find((one) => one.status === 'rejected');
  if (failed === undefined) return up;
  await Promise.all(up.map((subject) => subject.end()));
  throw failed.reason;
}
