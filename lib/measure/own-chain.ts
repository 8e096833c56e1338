import { CancellationSource, type CancellationToken } from '../core/index.ts';
import { Board } from './board.ts';
import { ChainLost } from './chain.ts';
import { Child } from './child.ts';
import type { CallOrder, FromOwnChain, ToOwnChain } from './messages.ts';
import { Visits } from './own-reports.ts';
import { LEAVE_MS } from './parent.ts';
import type { Subject } from './subject.ts';

/** A user's module that can't be measured; the message is for people. */
export class BadChain extends Error {
  override readonly name = 'BadChain';
}

/** A user's module at work, in a process of its own. */
export class OwnChain implements Subject {
  readonly board: Board = new Board();
  readonly #path: string;
  readonly #source: CancellationSource;
  readonly #child: Child<ToOwnChain, FromOwnChain>;
  #hops: readonly string[] | undefined;
  #visits = new Visits([]);
  #reported = false;

  private constructor(path: string, token: CancellationToken) {
    this.#path = path;
    this.#source = new CancellationSource({ parent: token });
    this.#child = new Child('./own-chain-process.js', path, (message) => this.#hear(message), this.#lost);
  }

  /**
   * Loads the module, and lets it start its chain.
   *
   * @throws the token's error, its cause a BadChain when the module is not what it is to be; no process is left then
   */
  static async start(path: string, token: CancellationToken): Promise<OwnChain> {
    const chain = new OwnChain(path, token);
    try {
      chain.#child.tell({ file: path });
      await chain.board.until(() => chain.#hops !== undefined, chain.token);
      return chain;
    } catch (error) {
      await chain.end();
      throw error;
    }
  }

  get hops(): readonly string[] {
    return this.#hops ?? [];
  }

  get token(): CancellationToken {
    return this.#source.token;
  }

  readonly call = (order: CallOrder): void => this.#child.tell(order);

  readonly changeMind = (call: string): void => this.#child.tell({ changeMind: call });

  readonly load = (load: number): void => this.#child.tell({ load });

  readonly unreached = (instead: string): BadChain => {
    const last = `hop \`${this.hops.at(-1)}\` of ${this.#path}`;
    return new BadChain(
      `Expected ${last} to report that the first call has arrived, ${instead}. It calls \`witness\`.`,
    );
  };

  /** Lets the module end what it has started; it has a while for that. */
  async end(): Promise<void> {
    // A little later than the process gives itself up.
    await this.#child.leave(LEAVE_MS + 500);
    this.#source.close();
  }

  #hear(message: FromOwnChain): void {
    if ('hops' in message) {
      this.#hops = message.hops;
      this.#visits = new Visits(message.hops);
    } else if ('report' in message) {
      const { report } = message;
      const visit = this.#visits.add(report);
      this.#reported ||= visit !== undefined;
      if (visit !== undefined) this.board.putVisit(visit);
      else this.#lost(`${this.#path} has reported of hop ${report.hop}, which is not one of its \`hops\`.`);
    } else if ('state' in message) this.board.putCall(message.state);
    else if ('loaded' in message) this.board.putLoad(message.loaded);
    this.board.changed();
  }

  readonly #lost = (why: string): void => {
    const cause = this.#reported ? new ChainLost(why) : new BadChain(why);
    this.#source.cancel('SHUTDOWN', { description: why, cause });
  };
}
