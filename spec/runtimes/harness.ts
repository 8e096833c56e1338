// A harness of a few lines that needs nothing but the language: the same laws run in every runtime, and what they log
// can be compared.
import type { Clock } from '../../lib/core/index.ts';

export type Core = typeof import('../../lib/core/index.ts');

/** What a law works with. */
export interface Bench {
  readonly core: Core;
  readonly clock: FakeClock;
  /** What it logs must be the same in every runtime. */
  log(...words: unknown[]): void;
}

export interface Law {
  readonly name: string;
  run(bench: Bench): void | Promise<void>;
}

export function law(name: string, run: Law['run']): Law {
  return { name, run };
}

function shown(value: unknown): string {
  return JSON.stringify(value, (_, held: unknown) => {
    if (held === undefined || typeof held === 'symbol' || typeof held === 'bigint') return String(held);
    if (typeof held === 'number' && !Number.isFinite(held)) return String(held);
    return held instanceof Error ? `${held.name}: ${held.message}` : held;
  });
}

/** Compares as text: enough for the words, numbers and lists that laws compare. */
export function equal(actual: unknown, expected: unknown): void {
  if (shown(actual) !== shown(expected)) throw new Error(`expected ${shown(expected)}, got ${shown(actual)}`);
}

export function same(actual: unknown, expected: unknown): void {
  if (!Object.is(actual, expected)) throw new Error(`expected the very ${shown(expected)}, got ${shown(actual)}`);
}

/** Time that passes only when it is told to. */
export class FakeClock implements Clock {
  #now = 1_000;
  #timers: { readonly at: number; readonly fn: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, fn: () => void): () => void {
    const timer = { at: this.#now + ms, fn };
    this.#timers.push(timer);
    return () => {
      this.#timers = this.#timers.filter((other) => other !== timer);
    };
  }

  advance(ms: number): void {
    const end = this.#now + ms;
    for (;;) {
      const due = this.#timers.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.splice(this.#timers.indexOf(due), 1);
      this.#now = Math.max(this.#now, due.at);
      due.fn();
    }
    this.#now = end;
  }
}

/** Hands uncaught errors to `listener` instead of to the host. @returns back to what was */
export function onUncaught(listener: (error: unknown) => void): () => void {
  if ('Deno' in globalThis || 'document' in globalThis) {
    const heard = (event: Event): void => {
      event.preventDefault();
      listener((event as ErrorEvent).error);
    };
    globalThis.addEventListener('error', heard);
    return () => globalThis.removeEventListener('error', heard);
  }
  const before = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', listener);
  return () => {
    process.off('uncaughtException', listener);
    for (const one of before) process.on('uncaughtException', one);
  };
}

/** One turn of the event loop, after which errors of microtasks have been reported. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(undefined);
  });
}

/** Runs one law under a clock of its own. */
export async function runLaw(core: Core, one: Law, write: (line: string) => void): Promise<void> {
  const clock = new FakeClock();
  const restore = core.setClock(clock);
  try {
    await one.run({ core, clock, log: (...words) => write(`${one.name} | ${words.map(shown).join(' ')}`) });
  } finally {
    restore();
  }
}

export interface Outcome {
  readonly log: string[];
  readonly passed: number;
  readonly failed: string[];
}

export async function runAll(core: Core, laws: readonly Law[]): Promise<Outcome> {
  const log: string[] = [];
  const failed: string[] = [];
  for (const one of laws) {
    try {
      await runLaw(core, one, (line) => log.push(line));
    } catch (error) {
      failed.push(`${one.name}: ${error instanceof Error ? (error.stack ?? error.message) : shown(error)}`);
    }
  }
  return { log, passed: laws.length - failed.length, failed };
}
