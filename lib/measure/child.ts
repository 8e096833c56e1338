import { type ChildProcess, fork } from 'node:child_process';

/**
 * A process of ours that is told and tells over IPC.
 *
 * 1. It never outlives us: `end` kills it, and it ends by itself when its channel closes, however we went (see parent.ts).
 * 2. An end that nobody asked for is heard, once, by `lost`.
 */
export class Child<Told, Tells extends object> {
  readonly #process: ChildProcess;
  readonly #closed: Promise<unknown>;
  #ending = false;

  /**
   * @param entry name of a module beside this one
   * @param hear gets each message
   * @param lost gets a sentence on an end that was not asked for
   */
  constructor(entry: string, name: string, hear: (message: Tells) => void, lost: (why: string) => void) {
    this.#process = fork(new URL(entry, import.meta.url), {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      // Ours may have made a debugger listen on a port.
      execArgv: [],
      env: { ...process.env, NODE_OPTIONS: undebugged(process.env.NODE_OPTIONS) },
    });
    // 'close' alone would not do: after a disconnect from this side Node 20 emits none.
    this.#closed = new Promise((resolve) => this.#process.once('exit', resolve).once('close', resolve));
    this.#process.on('message', (message: Tells) => {
      if ('failed' in message && typeof message.failed === 'string') this.#lose(lost, message.failed);
      else hear(message);
    });
    this.#process.once('exit', (code, signal) => {
      this.#lose(lost, `The process of ${name} has ended unexpectedly (${signal ?? `exit code ${code}`}).`);
    });
    this.#process.on('error', ({ message }) => {
      // Once it has started, this is about a message to a process that has just gone; its exit is heard above.
      if (this.#process.pid === undefined) this.#lose(lost, `The process of ${name} could not be started: ${message}.`);
    });
  }

  get pid(): number {
    return this.#process.pid ?? -1;
  }

  tell(message: Told & object): void {
    if (this.#process.connected) this.#process.send(message, () => {});
  }

  /** Sends a signal, as the event of an act; its end is no surprise from now on. */
  strike(signal: NodeJS.Signals): void {
    this.#ending = true;
    this.#process.kill(signal);
  }

  /** Lets the process end by itself, as it does when its channel closes. Resolves when it is no more. */
  async leave(ms: number): Promise<void> {
    this.#ending = true;
    // In a later turn: in the midst of a message, Node would wait for another one that may never come.
    await new Promise(setImmediate);
    if (this.#process.connected) this.#process.disconnect();
    const late = setTimeout(() => this.#process.kill('SIGKILL'), ms);
    await this.#closed;
    clearTimeout(late);
  }

  /** Resolves when the process is no more. */
  async end(): Promise<void> {
    this.#ending = true;
    this.#process.kill('SIGKILL');
    await this.#closed;
  }

  #lose(lost: (why: string) => void, why: string): void {
    if (this.#ending) return;
    this.#ending = true;
    lost(why);
  }
}

/** What NODE_OPTIONS has but for the debugger, which one process at a time can have on a port. */
function undebugged(options: string | undefined): string | undefined {
  return options?.replaceAll(/(^|\s)--inspect(-(port|publish-uid)[ =]\S+|\S*)/g, '');
}
