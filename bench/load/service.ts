// A process that serves, as seen from the worker that loads it.
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';

/** What a process has used by now. */
export interface Usage {
  /** Its processor's time in microseconds, of all its threads. */
  readonly cpuUs: number;
  /** The memory it has, in bytes, after a collection. */
  readonly rss: number;
  /** The requests that it holds, as far as it counts them. */
  readonly held: number;
}

export class Service {
  readonly port: number;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, port: number) {
    this.#child = child;
    this.port = port;
  }

  /** Starts `program`, which is to call {@link provide}, with the Node of this process. */
  static async start(program: URL, args: readonly string[]): Promise<Service> {
    const child = fork(program, args, {
      execArgv: ['--expose-gc', '--no-warnings'],
      env: { ...process.env, NODE_ENV: 'production' },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the service ${args.join(' ')} ended before it listened`);
    });
    const [port] = await Promise.race([once(child, 'message'), ended]);
    return new Service(child, port as number);
  }

  async usage(collected: boolean): Promise<Usage> {
    this.#child.send({ collected });
    return (await this.told()) as Usage;
  }

  /** What the process says next, of itself. */
  async told(): Promise<unknown> {
    const [word] = await once(this.#child, 'message');
    return word;
  }

  async end(): Promise<void> {
    if (this.#child.exitCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }
}
