// What grows, and to which sizes.
import type { Curve } from '../curve.ts';
import type { Case, Unit } from '../harness.ts';
import type { Scene } from './chain.ts';
import { beside, deep, type Sized, wide } from './trees.ts';

/** A curve with what is done at each of its sizes: in this process with a tree, or through a chain of others. */
export type Growth = Curve & ({ readonly tree: Sized } | { readonly chain: (size: number) => Scene });

const decades = (most: number): number[] => Array.from({ length: Math.log10(most) + 1 }, (_, power) => 10 ** power);

function curve(id: string, title: string, by: string, sizes: readonly number[]): Curve {
  return { id, title, by, points: sizes.map((size) => ({ id: `${id}-${size}`, size })) };
}

const HOPS = 3;

export const curves: readonly Growth[] = [
  { ...curve('depth', 'Cancel a chain of tokens', 'levels', decades(100_000)), tree: deep },
  { ...curve('width', 'Cancel a root with many children', 'children', decades(1_000_000)), tree: wide },
  { ...curve('beside', 'Link and release one child more', 'children', decades(100_000)), tree: beside },
  {
    ...curve('hops', 'Cancel a call through services', 'hops', [1, 2, 3, 4, 6, 8]),
    chain: (hops) => ({ hops }),
  },
  {
    ...curve('concurrency', 'Cancel one of many calls in flight', 'calls in flight through 3 hops', decades(10_000)),
    chain: (calls) => ({ hops: HOPS, held: calls - 1 }),
  },
  {
    ...curve('load', 'Cancel a call beside busy ones', 'calls at work through 3 hops', [1, 4, 16, 64, 256]),
    chain: (load) => ({ hops: HOPS, load }),
  },
];

export const cases: readonly Case[] = curves.flatMap((one) =>
  one.points.map(({ id, size }) => {
    const unit: Unit = 'tree' in one ? 'ns' : 'µs';
    return { id, title: `${one.title}: ${size.toLocaleString('en-GB')} ${one.by}`, unit, targets: [] };
  }),
);
