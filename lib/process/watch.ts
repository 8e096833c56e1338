// One process, from its start to its end.
//
// Invariants
// 1. A group is signalled only while it has members: afterwards its number may be somebody else's.
// 2. `ended` of a process that was told to stop tells of the whole group. Of one that ends by itself it tells of that one:
//    what it has left behind, such as a daemon, it may have meant to.
// 3. No group outlives this process, if that ends in order, while its leader runs.
// 4. Whatever comes of the first signal, the last one is sent in time.
import type { ChildProcess } from 'node:child_process';
import { getSystemErrorName } from 'node:util';
import type { CancellationToken } from '../core/index.ts';
import { afterAwake, type Outcome } from '../task/index.ts';
import { Group } from './group.ts';

/** How a process ended, as Node's `exit` event tells it: one of the two is null. */
export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** Whose cancel ends a process, and how. */
export interface Limits {
  readonly token: CancellationToken;
  readonly killSignal: NodeJS.Signals;
  readonly graceMs: number;
}

/** How soon a group whose leader has left is asked whether anybody is left, and how seldom at last. In milliseconds. */
const SOON_MS = 10;
const SELDOM_MS = 100;

/** Groups whose leaders run. */
const led = new Set<Watch>();

function killAll(): void {
  for (const watch of led) watch.signal('SIGKILL');
}

export class Watch {
  readonly ended: Promise<Outcome<Exit>>;
  readonly limits: Limits;
  readonly #child: ChildProcess;
  /** Of one that leads a group. */
  readonly #group: Group | undefined;
  #end!: (outcome: Outcome<Exit>) => void;
  #exit: Exit | undefined;
  #killed = false;
  #settled = false;
  #disarm: (() => void) | undefined;
  #lookNoMore: (() => void) | undefined;

  constructor(child: ChildProcess, grouped: boolean, limits: Limits) {
    this.#child = child;
    this.#group = grouped && child.pid !== undefined ? new Group(child.pid) : undefined;
    this.limits = limits;
    this.ended = new Promise((resolve) => {
      this.#end = resolve;
    });
    const { pid, exitCode, signalCode } = child;
    if (pid === undefined) this.#neverBegan();
    else if (exitCode !== null || signalCode !== null)
      this.#end({ kind: 'value', value: { code: exitCode, signal: signalCode } });
    else this.#follow();
  }

  /** Without a process there is no exit; and only then: whoever owns the process hears of all other errors himself. */
  #neverBegan(): void {
    const { exitCode, spawnfile } = this.#child;
    if (typeof exitCode !== 'number') this.#child.once('error', (error) => this.#end({ kind: 'error', error }));
    else {
      // Its error has been told already; all that is left of it is the number.
      const code = getSystemErrorName(exitCode);
      const error = Object.assign(new Error(`${spawnfile} could not be started: ${code}.`), { code, errno: exitCode });
      this.#end({ kind: 'error', error });
    }
  }

  #follow(): void {
    if (this.#group !== undefined) {
      if (led.size === 0) process.on('exit', killAll);
      led.add(this);
    }
    const registration = this.limits.token.onCancel(() => this.#stop());
    this.#child.once('exit', (code, signal) => {
      this.#exit = { code, signal };
      registration.unregister();
      this.#leaderLeft(SOON_MS);
    });
  }

  #stop(): void {
    const { killSignal, graceMs } = this.limits;
    if (graceMs === 0) this.#kill();
    else {
      // Invariant 4.
      this.#disarm = afterAwake(graceMs, () => this.#kill());
      this.signal(killSignal);
    }
  }

  #kill(): void {
    this.#killed = true;
    if (this.#exit === undefined) this.signal('SIGKILL');
    else {
      // Invariant 1: since it was last looked at, all may have left.
      if (this.#group?.isAlive()) this.signal('SIGKILL');
      this.#settle();
    }
  }

  /** Killed or empty, a group is over; until then it is looked at again. */
  #leaderLeft(ms: number): void {
    const stopping = this.limits.token.cancelled && !this.#killed;
    if (!stopping || !this.#group?.isAlive()) this.#settle();
    else this.#lookNoMore = afterAwake(ms, () => this.#leaderLeft(Math.min(2 * ms, SELDOM_MS)));
  }

  #settle(): void {
    this.#settled = true;
    this.#disarm?.();
    this.#lookNoMore?.();
    led.delete(this);
    if (led.size === 0) process.off('exit', killAll);
    const { error } = this.limits.token;
    const value = this.#exit as Exit;
    if (error === undefined || value.code === 0) this.#end({ kind: 'value', value });
    else this.#end({ kind: 'stopped', error });
  }

  /** Tells the group, or the process if it has none; nobody, once it has ended. */
  signal(signal: NodeJS.Signals): void {
    if (this.#settled) return;
    if (this.#group === undefined) tell(this.#child, signal);
    else this.#group.signal(signal);
  }
}

/** One that may not be signalled, as it runs as another user, emits an error for it; which would be uncaught where nobody listens. */
function tell(child: ChildProcess, signal: NodeJS.Signals): void {
  const ignore = (): void => undefined;
  child.once('error', ignore);
  try {
    child.kill(signal);
  } catch (error) {
    // No signal of this platform's; what a listener of the child's has thrown is its own.
    if ((error as NodeJS.ErrnoException).syscall !== 'kill') throw error;
  } finally {
    child.off('error', ignore);
  }
}
