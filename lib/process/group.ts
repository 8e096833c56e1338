// A group of processes, known by the number of the process that leads it or has led it.
//
// Nobody tells when the last member of a group has left, so it is asked for, again and again. To find a member all processes of
// the machine are looked through; then that one alone is looked at, until it has left.
import { readdirSync, readFileSync } from 'node:fs';

export class Group {
  readonly #id: number;
  /** The member that was found last. */
  #member: string | undefined;

  constructor(id: number) {
    this.#id = id;
  }

  /** @returns whether anybody was there */
  signal(signal: NodeJS.Signals | 0): boolean {
    try {
      return process.kill(-this.#id, signal);
    } catch (error) {
      // There, and not ours to signal: a member that runs as another user.
      return (error as NodeJS.ErrnoException).code === 'EPERM';
    }
  }

  /** Whether a member does anything. A zombie does not; in a container without an init it stays for good. */
  isAlive(): boolean {
    if (!this.signal(0)) return false;
    if (process.platform !== 'linux') return true;
    if (this.#member !== undefined && this.#isMember(this.#member)) return true;
    try {
      this.#member = readdirSync('/proc').find((name) => this.#isMember(name));
    } catch {
      // Where nothing can be read, as in want of files, zombies can't be told.
      return true;
    }
    return this.#member !== undefined;
  }

  #isMember(name: string): boolean {
    try {
      // The name of the program, in parentheses, may hold anything; behind it are the state, the parent and the group.
      const [state, , of] = /\) (\S) (\d+) (\d+) /.exec(readFileSync(`/proc/${name}/stat`, 'latin1'))?.slice(1) ?? [];
      return Number(of) === this.#id && state !== 'Z' && state !== 'X';
    } catch {
      return false;
    }
  }
}
