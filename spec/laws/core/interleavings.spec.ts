import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  CancellationSource,
  CancellationToken,
  type CancelReason,
  pendingAlarms,
  type Registration,
  setInstrument,
} from '../../../lib/core/index.ts';
import { FakeClock } from '../../core/support/fake-clock.ts';
import { Model } from './model.ts';

// A small world, the same in each schedule: a chain, a token beside it, and the two ways to join them.
const [ROOT, MIDDLE, LEAF, SIDE, ANY, ALL] = [1, 2, 3, 4, 5, 6] as const;
type Sourced = typeof ROOT | typeof MIDDLE | typeof LEAF | typeof SIDE;

interface Listener {
  readonly node: number;
  registration?: Registration;
  waits: boolean;
  ran: number;
  /** Taken back before the cancel. */
  left: boolean;
}

/** As World, in few words: hundreds of thousands of schedules pass through it in seconds. */
class SmallWorld {
  readonly model = new Model();
  readonly #clock: FakeClock;
  readonly #sources: CancellationSource[] = [];
  readonly tokens: CancellationToken[] = [CancellationToken.none];
  readonly #listeners: Listener[] = [];

  constructor(clock: FakeClock) {
    this.#clock = clock;
    const root = new CancellationSource();
    const middle = new CancellationSource(root.token);
    const leaf = new CancellationSource(middle.token);
    const side = new CancellationSource();
    const { any, all } = CancellationToken;
    for (const source of [root, middle, leaf, side]) this.#sources[this.tokens.push(source.token) - 1] = source;
    this.tokens.push(any(leaf.token, side.token), all(leaf.token, side.token));
    for (const parents of [[], [ROOT], [MIDDLE], []]) this.model.add(parents, true);
    this.model.add([LEAF, SIDE], false);
    this.model.add([LEAF, SIDE], false, true);
  }

  cancel(i: Sourced, reason: CancelReason): void {
    this.#same(this.model.cancel(i, reason), this.#sources[i]!.cancel(reason), 'cancel');
  }

  close(i: Sourced): void {
    if (this.model.nodes[i]!.state === 'live') {
      this.model.nodes[i]!.state = 'closed';
      for (const one of this.#listeners) if (one.node === i) one.waits = false;
    }
    this.#sources[i]!.close();
  }

  listen(node: number): void {
    const { state } = this.model.nodes[node]!;
    const one: Listener = { node, waits: state === 'live', ran: 0, left: false };
    this.#listeners.push(one);
    one.registration = this.tokens[node]!.onCancel(({ reason }) => {
      one.ran++;
      one.waits = false;
      this.#same(this.model.cancelOf(node)?.reason, reason, 'told');
    });
    this.#same(typeof state === 'object' ? 1 : 0, one.ran, 'ran at once');
  }

  unregister(nth: number): void {
    const one = this.#listeners[nth];
    if (one === undefined) return;
    this.#same(one.waits, one.registration?.unregister(), 'unregister');
    one.left ||= one.waits;
    one.waits = false;
  }

  arm(i: Sourced, ms: number): void {
    const node = this.model.nodes[i]!;
    if (node.state === 'live') {
      node.at = this.#clock.now() + ms;
      if (ms <= 0) this.model.cancel(i, 'TIMEOUT');
    }
    this.#sources[i]!.cancelAfter(ms);
  }

  tick(ms: number): void {
    this.#clock.advance(ms);
  }

  poll(i: number): void {
    this.#same(this.model.cancelOf(i)?.reason, this.tokens[i]!.reason, 'poll');
  }

  end(): void {
    for (const i of this.tokens.keys()) {
      this.poll(i);
      this.#same(this.model.canBeCancelled(i), this.tokens[i]!.canBeCancelled, 'canBeCancelled');
    }
    for (const { node, waits, ran, left } of this.#listeners) {
      const told = this.model.cancelOf(node) !== undefined && !left;
      // Whoever closed before its token was cancelled was let go without a word.
      if (waits ? told : ran !== (told ? 1 : 0)) throw new Error(`a listener of ${node} ran ${ran} times`);
    }
    for (const source of this.#sources) source?.close();
    this.#same(0, pendingAlarms(), 'alarms');
  }

  #same(expected: unknown, actual: unknown, what: string): void {
    if (expected !== actual) throw new Error(`${what}: expected ${String(expected)}, got ${String(actual)}`);
  }
}

type Act = (world: SmallWorld) => void;
const actors: Readonly<Record<string, readonly Act[]>> = {
  canceller: [
    (world) => world.cancel(MIDDLE, 'TIMEOUT'),
    (world) => world.cancel(SIDE, 'PEER_CLOSED'),
    (world) => world.cancel(ROOT, 'SHUTDOWN'),
    (world) => world.cancel(LEAF, 'CANCELLED'),
    (world) => world.cancel(SIDE, 'SHUTDOWN'),
    (world) => world.poll(ALL),
  ],
  listener: [
    (world) => world.listen(ANY),
    (world) => world.listen(LEAF),
    (world) => world.unregister(0),
    (world) => world.listen(ALL),
    (world) => world.listen(ROOT),
    (world) => world.unregister(1),
  ],
  closer: [
    (world) => world.close(LEAF),
    (world) => world.poll(ANY),
    (world) => world.close(SIDE),
    (world) => world.close(MIDDLE),
    (world) => world.poll(LEAF),
    (world) => world.close(ROOT),
  ],
  timer: [
    (world) => world.arm(LEAF, 5),
    (world) => world.tick(5),
    (world) => world.arm(SIDE, 5),
    (world) => world.arm(MIDDLE, 5),
    (world) => world.tick(5),
    (world) => world.arm(ROOT, 0),
  ],
};

/** Calls `visit` with every order in which the actors can take their steps: each keeps its own order. */
function everySchedule(steps: readonly number[], visit: (schedule: readonly number[]) => void): void {
  const left = [...steps];
  const schedule: number[] = [];
  const go = (): void => {
    let over = true;
    for (let actor = 0; actor < left.length; actor++) {
      if (left[actor] === 0) continue;
      over = false;
      left[actor]!--;
      schedule.push(actor);
      go();
      schedule.pop();
      left[actor]!++;
    }
    if (over) visit(schedule);
  };
  go();
}

describe('every order in which a few actors can take their steps', () => {
  const clock = new FakeClock();
  let world: SmallWorld;
  beforeAll(() => {
    setInstrument({
      cancelRequested: (token, reason) => {
        const node = world.tokens.indexOf(token as CancellationToken);
        if (world.model.cancelOf(node) !== undefined) return;
        if (reason !== 'TIMEOUT' || !world.model.cancel(node, reason)) throw new Error(`cancelled ${node} by itself`);
      },
    });
  });
  afterAll(() => {
    setInstrument(undefined);
    clock[Symbol.dispose]();
  });

  const names = Object.keys(actors);
  const pairs = names.flatMap((a, i) => names.slice(i + 1).map((b) => [a, b]));
  const triples = names.map((out) => names.filter((name) => name !== out));
  it.each([
    ...pairs.map((cast) => [cast, 6, 924] as const),
    ...triples.map((cast) => [cast, 4, 34_650] as const),
    [names, 3, 369_600] as const,
  ])('%j, %i steps each: %i schedules', (cast, steps, schedules) => {
    let count = 0;
    everySchedule(
      cast.map(() => steps),
      (schedule) => {
        count++;
        world = new SmallWorld(clock);
        const at = cast.map(() => 0);
        try {
          for (const actor of schedule) actors[cast[actor]!]![at[actor]!++]!(world);
          world.end();
        } catch (error) {
          throw new Error(`in the schedule ${schedule.map((actor) => cast[actor]).join(', ')}`, { cause: error });
        }
      },
    );
    expect(count).toBe(schedules);
  });
});
