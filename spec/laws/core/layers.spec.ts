// Random towers of tokens, each layer standing on the ones below: whoever is cancelled, all that stand on it are, and
// nothing else is. The seed is in the message; `SEED=… npx vitest run spec/laws/core/layers.spec.ts` replays it.
import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, pendingAlarms, snapshot } from '../../../lib/core/index.ts';
import { FakeClock } from '../../core/support/fake-clock.ts';
import { Model } from './model.ts';

/** The same numbers for the same seed (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

interface Tower {
  readonly model: Model;
  readonly tokens: CancellationToken[];
  readonly sources: Map<number, CancellationSource>;
}

function build(random: (below: number) => number, layers: number, width: number): Tower {
  const model = new Model();
  const tokens: CancellationToken[] = [CancellationToken.none];
  const sources = new Map<number, CancellationSource>();
  const pick = () => 1 + random(tokens.length - 1);
  const add = (parents: number[], source: CancellationSource) => {
    sources.set(model.add(parents, true), source);
    tokens.push(source.token);
  };
  for (let i = 0; i < width; i++) add([], new CancellationSource());
  for (let i = 0; i < layers * width; i++) {
    const parents = [...new Set(Array.from({ length: 2 + random(3) }, pick))];
    const theirs = parents.map((p) => tokens[p]!);
    const kind = random(4);
    if (kind < 2) add([parents[0]!], new CancellationSource(tokens[parents[0]!]));
    else if (kind === 2 || parents.length < 2) add(parents, new CancellationSource({ parent: theirs }));
    else {
      const all = random(2) === 0;
      tokens.push(CancellationToken[all ? 'all' : 'any'](...theirs));
      model.add(parents, false, all);
    }
  }
  return { model, tokens, sources };
}

const SEED = Number(process.env.SEED ?? 0);
const seeds = SEED > 0 ? [SEED] : Array.from({ length: 40 }, (_, i) => i + 1);

describe('random layers', () => {
  it.each(seeds)(
    'a cancel anywhere in the tower of seed %i reaches what stands on it, once, and nothing else',
    (seed) => {
      const random = randomFrom(seed);
      const { model, tokens, sources } = build(random, 20, 20);
      const told = tokens.map(() => 0);
      const observed = new Set([...tokens.keys()].filter(() => random(3) > 0));
      for (const i of observed) {
        tokens[i]!.onCancel(({ reason }) => {
          told[i]!++;
          expect(reason, `seed ${seed}`).toBe(model.cancelOf(i)?.reason);
        });
      }
      for (let round = 0; round < 10; round++) {
        const [at, source] = [...sources][random(sources.size)]!;
        const expected = model.cancel(at, 'SHUTDOWN');
        expect(source.cancel('SHUTDOWN'), `seed ${seed}`).toBe(expected);
        const states = tokens.map((token) => token.cancelled);
        expect(states, `seed ${seed}, round ${round}`).toEqual(tokens.map((_, i) => model.cancelOf(i) !== undefined));
        const heard = tokens.map((_, i) => (observed.has(i) && model.cancelOf(i) !== undefined ? 1 : 0));
        expect(told, `seed ${seed}, round ${round}`).toEqual(heard);
      }
      for (const source of sources.values()) source.close();
      const linked = [...sources.values()].filter(({ token }) => snapshot(token).children.length > 0);
      expect(linked, `seed ${seed}`).toEqual([]);
    },
  );

  it.each(seeds)(
    'a deadline anywhere in the tower of seed %i comes to all that stand on it, when it is theirs',
    (seed) => {
      using clock = new FakeClock(0);
      const random = randomFrom(seed);
      const { model, tokens, sources } = build(random, 10, 10);
      for (const [i, source] of sources) {
        if (random(4) > 0) continue;
        const ms = 1 + random(100);
        model.nodes[i]!.at = ms;
        source.cancelAfter(ms);
      }
      const due = tokens.map((_, i) => model.deadline(i));
      expect(
        tokens.map(({ deadline }) => deadline),
        `seed ${seed}`,
      ).toEqual(due);
      const heard: number[] = tokens.map(() => Number.POSITIVE_INFINITY);
      for (const [i, token] of tokens.entries()) {
        token.onCancel(({ reason }) => {
          expect(reason).toBe('TIMEOUT');
          heard[i] = clock.now();
        });
      }
      clock.advance(200);
      expect(heard, `seed ${seed}`).toEqual(due);
      expect(pendingAlarms()).toBe(0);
    },
  );
});
