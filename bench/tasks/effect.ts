import { Effect, Fiber } from 'effect';
import { each, once, type Peer } from './peer.ts';

const task = Effect.promise(once);
const ten = Array.from({ length: 10 }, () => task);

export const peer: Peer = {
  run: () => each(() => Effect.runPromise(task)),
  fork: () => each(() => interrupted(task)),
  cancel: () => each(() => interrupted(Effect.never)),
  any: () => each(() => Effect.runPromise(Effect.raceAll([Effect.never, task, Effect.never]))),
  all: () => each(() => Effect.runPromise(Effect.all(ten, { concurrency: 'unbounded' }))),
};

function interrupted(effect: Effect.Effect<number>): Promise<void> {
  return Effect.runPromise(Fiber.interrupt(Effect.runFork(effect)));
}
