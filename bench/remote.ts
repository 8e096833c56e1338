// A worker, seen from the process that leads the run.
import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { Answer, Question } from './worker.ts';

/**
 * One heap on every machine and line of Node. A million linked controllers need 2 GB. The nursery has its size from the
 * start: left alone it doubles in the midst of the rounds, from 1 MB to 16 on Node 20 and to 32 on later lines, and what
 * is made takes twice the time in one that the processor's caches do not hold.
 */
const HEAP = ['--max-old-space-size=6144', '--min-semi-space-size=16', '--max-semi-space-size=16'];

const WORKER = fileURLToPath(new URL('./worker.js', import.meta.url));

export class Remote {
  readonly #child: ChildProcess;
  readonly #limitMs: number;
  #ended: Extract<Answer, { failed: string }> | undefined;
  #answered: ((answer: Answer) => void) | undefined;

  /** @param limitMs who takes longer for an answer is ended */
  constructor(node: string, args: readonly string[], limitMs: number) {
    this.#limitMs = limitMs;
    this.#child = fork(WORKER, args, {
      execPath: node,
      execArgv: ['--expose-gc', '--no-warnings', ...HEAP],
      // A peer may report each error of a callback there, a hundred thousand of them.
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#child.on('message', (answer) => this.#answer(answer as Answer));
    this.#child.on('exit', (code, signal) =>
      this.#end(signal === 'SIGABRT' ? 'out of memory' : `exit ${code ?? signal}`),
    );
    this.#child.on('error', (error) => this.#end(error.message));
  }

  get ended(): boolean {
    return this.#ended !== undefined;
  }

  /** Sends a question and waits for the answer, an end of the process included. */
  async ask(question: Question): Promise<Answer> {
    if (this.#ended !== undefined) return this.#ended;
    const late = setTimeout(() => this.#giveUp(), this.#limitMs);
    try {
      return await new Promise<Answer>((resolve) => {
        this.#answered = resolve;
        this.#child.send(question);
      });
    } finally {
      clearTimeout(late);
    }
  }

  end(): void {
    this.#end('stopped');
    this.#child.kill('SIGKILL');
  }

  #giveUp(): void {
    this.#end(`gave up after ${Math.round(this.#limitMs / 1000)} s`, true);
    this.#child.kill('SIGKILL');
  }

  #end(failed: string, slow = false): void {
    this.#ended ??= { failed, slow };
    this.#answer(this.#ended);
  }

  #answer(answer: Answer): void {
    this.#answered?.(answer);
    this.#answered = undefined;
  }
}
