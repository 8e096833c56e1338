// Random programs over the core, from a seed: what they log must be the same in every runtime.
import type { CancellationSource, CancellationToken, SourceOptions } from '../../../lib/core/index.ts';
import { type Bench, equal, type Law, law } from '../harness.ts';

/** The same numbers for the same seed, everywhere (mulberry32). */
function randomFrom(seed: number): (below: number) => number {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

function program({ core, clock, log }: Bench, seed: number): void {
  const random = randomFrom(seed);
  const one = <T>(list: readonly T[]): T => list[random(list.length)] as T;
  const make = (options?: SourceOptions) => {
    const source = new core.CancellationSource({
      ...options,
      onCallbackError: ({ errors }) => log('failed', errors),
    });
    sources.push(source);
    tokens.push(source.token);
  };
  const reasons = Object.values(core.CancelReason);
  const sources: CancellationSource[] = [];
  const tokens: CancellationToken[] = [];
  const registrations: { unregister(): boolean }[] = [];

  const steps: ((where: string) => void)[] = [
    () => make(),
    () => make({ parent: one(tokens) }),
    () => make({ parent: one(tokens), timeout: random(50) }),
    () => make({ parent: [one(tokens), one(tokens), one(tokens)] }),
    () => tokens.push(core.CancellationToken.any(one(tokens), one(tokens))),
    () => tokens.push(core.CancellationToken.all(one(tokens), one(tokens))),
    () => tokens.push(core.CancellationToken.from(one(tokens).signal)),
    (where) => {
      const id = registrations.length;
      registrations.push({ unregister: () => false });
      registrations[id] = one(tokens).onCancel(({ reason }) => {
        log(where, 'told', id, reason);
        if (random(6) === 0) throw new Error(`callback ${id}`);
        if (random(3) === 0) one(steps)(`inside ${id}:`);
      });
    },
    (where) => log(where, 'unregister', registrations.length > 0 && one(registrations).unregister()),
    (where) => log(where, 'cancel', one(sources).cancel(one(reasons))),
    () => one(sources).close(),
    () => one(sources).cancelAfter(random(60) - 5),
    () => clock.advance(random(20)),
    (where) => log(where, 'poll', one(tokens).cancelled, one(tokens).canBeCancelled, one(tokens).remaining()),
  ];
  make();
  for (let i = 0; i < 120; i++) one(steps)(`${i}:`);
  clock.advance(100);
  log('end', tokens.map(({ reason }) => reason ?? 'live').join(' '));
  for (const token of tokens) equal(token.cancelled, token.signal.aborted);
  for (const source of sources) source.close();
  equal(core.pendingAlarms(), 0);
}

export function randomLaws(seeds: readonly number[]): Law[] {
  return seeds.map((seed) => law(`random program, seed ${seed}`, (bench) => program(bench, seed)));
}
