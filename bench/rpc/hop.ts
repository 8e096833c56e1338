// One hop, seen from the worker that asks it.
import { type ChildProcess, fork } from 'node:child_process';
import type { Manner } from './peer.ts';

export type ToHop = 'heap';
export type ToWorker =
  | { readonly port: number }
  | { readonly heap: number }
  | { readonly entered: number }
  | { readonly stopped: number; readonly at: number };

const PROGRAM = new URL('./hop-process.js', import.meta.url);
/** Who has not heard of a cancel by then never will. */
const LOST_MS = 5_000;
/** Ten thousand calls at once take their time to arrive, on a machine that has other things to do. */
const ARRIVAL_MS = 60_000;

export class Hop {
  readonly #child: ChildProcess;
  readonly port: Promise<number>;
  #heap: (heap: number) => void = () => {};
  readonly #entered = new Waits<void>();
  readonly #stopped = new Waits<number>();

  /** @param next the port of the hop behind */
  constructor(module: string, next: number | undefined, manner: Manner) {
    const args = [module, next === undefined ? '' : String(next), JSON.stringify(manner)];
    const child = fork(PROGRAM, args, {
      execArgv: ['--expose-gc', '--no-warnings'],
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#child = child;
    this.port = new Promise((resolve, reject) => {
      child.once('exit', () => reject(new Error(`the hop ${module} ended before it listened`)));
      child.on('message', (message: ToWorker) => {
        if ('port' in message) resolve(message.port);
        else if ('heap' in message) this.#heap(message.heap);
        else if ('entered' in message) this.#entered.settle(message.entered, undefined);
        else this.#stopped.settle(message.stopped, message.at);
      });
    });
  }

  /** Resolves when the handler of call `id` runs. */
  entered(id: number): Promise<void> {
    return this.#entered.of(id, ARRIVAL_MS, 'a call never arrived');
  }

  /** When the handler of call `id` has heard that nobody waits any more, on the machine's clock, in nanoseconds. */
  stopped(id: number): Promise<number> {
    return this.#stopped.of(id, LOST_MS, 'lost a cancel');
  }

  /** Bytes in use after a collection. */
  heap(): Promise<number> {
    return new Promise((resolve) => {
      this.#heap = resolve;
      this.#child.send('heap' satisfies ToHop);
    });
  }

  end(): void {
    this.#child.kill('SIGKILL');
  }
}

/** What is waited for, by number; it may come before anybody waits. */
class Waits<T> {
  readonly #come = new Map<number, T>();
  readonly #waiting = new Map<number, (value: T) => void>();

  settle(id: number, value: T): void {
    const resolve = this.#waiting.get(id);
    if (resolve === undefined) this.#come.set(id, value);
    else resolve(value);
  }

  async of(id: number, ms: number, otherwise: string): Promise<T> {
    if (this.#come.has(id)) {
      const value = this.#come.get(id) as T;
      this.#come.delete(id);
      return value;
    }
    let late: NodeJS.Timeout | undefined;
    try {
      return await new Promise<T>((resolve, reject) => {
        this.#waiting.set(id, resolve);
        late = setTimeout(() => reject(new Error(otherwise)), ms);
      });
    } finally {
      clearTimeout(late);
      this.#waiting.delete(id);
    }
  }
}
