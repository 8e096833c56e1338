// Random trees of tasks. No two events of a tree fall on the same millisecond, so that the rules alone say what happens:
// what a leaf does by itself happens at a multiple of STEP, and each clean-up takes a power of two below STEP that no other
// one takes, so that no two sums of them are equal.

const STEP = 2 ** 26;

export type End = 'value' | 'error' | 'stop';

export interface Leaf {
  readonly op: 'leaf';
  readonly id: number;
  /** When it ends by itself, counted from its start. */
  readonly at: number;
  readonly end: End;
  /** Whether it stops when it is told to; else it goes on to its own end. */
  readonly heeds: boolean;
  /** How it ends when it was stopped, after this many milliseconds of clean-up. */
  readonly late: End;
  readonly cleanup: number;
}

export interface Branch {
  readonly op: 'run' | 'optional' | 'upon' | 'shield' | 'any' | 'all' | 'scope' | 'stopWhen' | 'waitFor' | 'deadline';
  readonly id: number;
  readonly children: readonly Plan[];
  /** The limit of `waitFor` and `deadline`, counted from the start. */
  readonly ms: number;
  /** How long stragglers are waited for; Infinity: as long as it takes. */
  readonly grace: number;
  /** The clean-ups that a scope has deferred: how long each takes, and whether it fails. */
  readonly cleanups: readonly { readonly ms: number; readonly fails: boolean; readonly id: number }[];
}

export type Plan = Leaf | Branch;

const ONE = ['run', 'optional', 'shield', 'waitFor', 'deadline'] as const;
const TWO = ['upon', 'stopWhen'] as const;
const MANY = ['any', 'all', 'scope'] as const;

const DEPTH = 6;
const LEAVES = 12;

/** Draws trees from one seed; the same seed draws the same trees. */
export class Grower {
  readonly #number: () => number;
  #ids = 0;
  #leaves = 0;
  #powers = 0;

  constructor(seed: number) {
    this.#number = mulberry32(seed);
  }

  /** A tree, and when its root is cancelled. */
  grow(): { plan: Plan; cancelAt: number } {
    this.#ids = this.#leaves = this.#powers = 0;
    const plan = this.#branch(DEPTH);
    return { plan, cancelAt: this.#chance(0.5) ? this.#moment() : Number.POSITIVE_INFINITY };
  }

  #plan(depth: number): Plan {
    return depth === 0 || this.#leaves >= LEAVES || this.#chance(0.3) ? this.#leaf() : this.#branch(depth);
  }

  #leaf(): Leaf {
    this.#leaves++;
    return {
      op: 'leaf',
      id: this.#ids++,
      at: this.#moment(),
      end: this.#pick(['value', 'value', 'error', 'stop']),
      heeds: this.#chance(0.8),
      late: this.#pick(['stop', 'stop', 'value', 'error']),
      cleanup: this.#chance(0.3) ? 0 : this.#power(),
    };
  }

  #branch(depth: number): Branch {
    const op = this.#pick([...ONE, ...TWO, ...MANY, ...MANY]);
    const id = this.#ids++;
    const many = 1 + Math.floor(this.#number() * 3);
    const count = ONE.includes(op as never) ? 1 : TWO.includes(op as never) ? 2 : many;
    const children = Array.from({ length: count }, () => this.#plan(depth - 1));
    const graceful = MANY.includes(op as never) && this.#chance(0.2);
    const cleanups =
      op === 'scope' ? Array.from({ length: Math.floor(this.#number() * 3) }, () => this.#cleanup()) : [];
    return {
      op,
      id,
      children,
      ms: this.#moment(),
      grace: graceful ? this.#power() : Number.POSITIVE_INFINITY,
      cleanups,
    };
  }

  #cleanup(): Branch['cleanups'][number] {
    return { ms: this.#power(), fails: this.#chance(0.3), id: this.#ids++ };
  }

  #moment(): number {
    return (1 + Math.floor(this.#number() * 2 ** 24)) * STEP;
  }

  #power(): number {
    return 2 ** this.#powers++;
  }

  #chance(of: number): boolean {
    return this.#number() < of;
  }

  #pick<T>(from: readonly T[]): T {
    return from[Math.floor(this.#number() * from.length)] as T;
  }
}

/** A small generator of random numbers from 0 to 1, good enough to grow trees. */
function mulberry32(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
