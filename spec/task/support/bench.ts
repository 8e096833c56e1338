import { afterEach, beforeEach, expect } from 'vitest';
import { CancellationSource, type CancellationToken } from '../../../lib/core/index.ts';
import { type Outcome, suspendForever, type Task } from '../../../lib/task/index.ts';
import { expectNoLeaks, type FakeClock, fakeClock } from '../../../lib/testing/index.ts';

/** What most specs of tasks stand on: a clock that stands still, and a root on which nothing may be left at the end. */
export interface Bench {
  readonly clock: FakeClock;
  readonly root: CancellationSource;
  /** Lets everything run that can run without time passing. */
  rest(): Promise<void>;
}

export function bench(): Bench {
  let clock: FakeClock;
  let root: CancellationSource;
  beforeEach(() => {
    clock = fakeClock();
    root = new CancellationSource({ name: 'root' });
  });
  afterEach(() => {
    expectNoLeaks(root.token);
    // All deadlines share one timer, which may outlive the last of them; now it is there for certain, and the only one.
    new CancellationSource({ timeout: 1 }).close();
    expect(clock.pending, 'timers').toBe(1);
    clock[Symbol.dispose]();
  });
  return {
    get clock() {
      return clock;
    },
    get root() {
      return root;
    },
    rest: () => clock.advanceAsync(0),
  };
}

/** A task that stops when it is told to, and cleans up for so many turns before it has stopped. */
export function tidy(log: string[], name: string, turns = 0): Task<never> {
  return async (token) => {
    log.push(`${name} starts`);
    try {
      return await suspendForever(token);
    } finally {
      for (let i = 0; i < turns; i++) await undefined;
      log.push(`${name} ends`);
    }
  };
}

/** Reads where a promise is, without waiting for it. */
export function watch<T>(promise: Promise<T>): { readonly done: boolean } {
  const state = { done: false };
  void promise.then(
    () => {
      state.done = true;
    },
    () => {
      state.done = true;
    },
  );
  return state;
}

export function stopped(by: CancellationToken | CancellationSource): Outcome<never> {
  const { error } = 'token' in by ? by.token : by;
  return { kind: 'stopped', error: error! };
}
