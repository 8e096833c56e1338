import { CancellationSource, type CancellationToken } from '../core/index.ts';
import { Board } from './board.ts';
import { ChainLost } from './chain.ts';
import { Child } from './child.ts';
import type { HopReport } from './contract.ts';
import type { CallOrder, FromOwnChain, ToOwnChain } from './messages.ts';
import { visitWith } from './own-reports.ts';
import { LEAVE_MS } from './parent.ts';
import type { Subject } from './subject.ts';
import { sharedNow } from './visit.ts';

/** What a module may take to load and to start its chain, in milliseconds. */
const START_MS = 60_000;
/** How far apart two readings of one clock may be at most, in milliseconds. */
const SKEW_MS = 1;

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
  readonly #startedAt = sharedNow();
  #hops: readonly string[] | undefined;
  #reported = false;

  private constructor(path: string, token: CancellationToken) {
    this.#path = path;
    this.#source = new CancellationSource({ parent: token });
    this.#child = new Child('./own-chain-process.js', path, (message) => this.#hear(message), this.#lost);
  }

  /**
   * Loads the module, and lets it start its chain.
   *
   * @throws BadChain, or the token's error with one as its cause, when the module is not what it is to be; no process is left then
   */
  static async start(path: string, token: CancellationToken): Promise<OwnChain> {
    const chain = new OwnChain(path, token);
    try {
      chain.#child.tell({ file: path });
      if (await chain.board.within(START_MS, () => chain.#hops !== undefined, chain.token)) return chain;
      const within = `within ${START_MS / 1_000} s`;
      throw new BadChain(`Expected ${path} to load and its \`start\` to resolve ${within}; one of them still waits.`);
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

  readonly unreached = (hop: string, instead: string): BadChain => {
    const who = `hop \`${hop}\` of ${this.#path}`;
    return new BadChain(`Expected ${who} to report that the first call has arrived, ${instead}. It calls \`witness\`.`);
  };

  /** Lets the module end what it has started; it has a while for that. */
  async end(): Promise<void> {
    // A little later than the process gives itself up.
    await this.#child.leave(LEAVE_MS + 500);
    this.#source.close();
  }

  #hear(message: FromOwnChain): void {
    if ('hops' in message) this.#hops = message.hops;
    else if ('report' in message) this.#note(message.report);
    else if ('state' in message) this.board.putCall(message.state);
    else if ('loaded' in message) this.board.putLoad(message.loaded);
    this.board.changed();
  }

  #note(report: HopReport): void {
    const { call, at = sharedNow(), hop = this.hops.at(-1) ?? '' } = report;
    const now = sharedNow();
    if (!this.hops.includes(hop)) {
      this.#fail(new BadChain(`${this.#path} has reported of hop ${hop}, which is not one of its \`hops\`.`));
    } else if (at < this.#startedAt || at > now + SKEW_MS) {
      const clock = `milliseconds of CLOCK_MONOTONIC, which is at ${now}`;
      const who = `hop \`${hop}\` of ${this.#path}`;
      this.#fail(new BadChain(`Expected \`at\` of ${who} to be ${clock}, got ${at}. \`benchNow()\` reads it.`));
    } else {
      this.#reported = true;
      this.board.putVisit(visitWith(this.board.visit(call, hop), hop, report));
    }
  }

  readonly #lost = (why: string): void => this.#fail(this.#reported ? new ChainLost(why) : new BadChain(why));

  #fail(cause: Error): void {
    this.#source.cancel('SHUTDOWN', { description: cause.message, cause });
  }
}
