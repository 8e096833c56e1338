import { CancellationSource, type CancellationToken } from '../core/index.ts';
import { Board } from './board.ts';
import { Child } from './child.ts';
import type { HopSettings } from './hop.ts';
import type { CallOrder, FromCaller, FromHop, ToCaller, ToHop } from './messages.ts';

export interface ChainOptions extends Omit<HopSettings, 'name' | 'port'> {
  readonly hops: number;
  /** The first hop's; 0: any that is free. */
  readonly port: number;
  /** Ends all waiting; ending the processes is for {@link Chain.end}. */
  readonly token: CancellationToken;
}

/** A service process. */
export interface Hop {
  readonly name: string;
  readonly pid: number;
  readonly url: string;
  strike(signal: NodeJS.Signals): void;
}

/** A client process. */
export interface Caller {
  call(order: CallOrder): void;
  changeMind(call: string): void;
  strike(signal: NodeJS.Signals): void;
}

/** Why a chain has come to a stop that nobody asked for; the message is for people. */
export class ChainLost extends Error {
  override readonly name = 'ChainLost';
}

/** Service processes A, B, C, …, each of which calls the next one over HTTP/2, and what they report. */
export class Chain {
  readonly board: Board = new Board();
  readonly #source: CancellationSource;
  readonly #children: { end(): Promise<void> }[] = [];
  #hops: readonly Hop[] = [];

  private constructor(token: CancellationToken) {
    this.#source = new CancellationSource({ parent: token });
  }

  /**
   * Starts the processes, all at once, and joins them.
   *
   * @throws the token's error, its cause a ChainLost when one of them can't be what it is to be, as on a port in use; no
   *   process is left then
   */
  static async start({ hops, token, ...settings }: ChainOptions): Promise<Chain> {
    const chain = new Chain(token);
    try {
      chain.#hops = await chain.#join(hops, settings);
      return chain;
    } catch (error) {
      await chain.end();
      throw error;
    }
  }

  get hops(): readonly Hop[] {
    return this.#hops;
  }

  /** Cancelled with the one that was given, and when a process is lost. */
  get token(): CancellationToken {
    return this.#source.token;
  }

  /** Starts a client of the first hop. */
  async caller(): Promise<Caller> {
    let ready = false;
    const hear = (message: FromCaller) => {
      if ('state' in message) this.board.putCall(message.state);
      else ready = true;
      this.board.changed();
    };
    const child = new Child<ToCaller, FromCaller>('./caller-process.js', 'the client', hear, this.#lost);
    this.#children.push(child);
    child.tell({ url: this.#hops[0]?.url ?? '' });
    await this.board.until(() => ready, this.token);
    return {
      call: (order) => child.tell(order),
      changeMind: (call) => child.tell({ changeMind: call }),
      strike: (signal) => child.strike(signal),
    };
  }

  /** Ends every process, and resolves when none is left. */
  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()));
    this.#source.close();
  }

  async #join(count: number, settings: Omit<HopSettings, 'name'>): Promise<Hop[]> {
    const hops = Array.from({ length: count }, (_, index) => {
      const name = String.fromCharCode(65 + index);
      return this.#hop({ ...settings, name, port: index === 0 ? settings.port : 0 });
    });
    await this.board.until(() => hops.every((hop) => hop.url !== ''), this.token);
    for (const [index, hop] of hops.entries()) hop.join(hops[index + 1]?.url ?? null);
    await this.board.until(() => hops.every((hop) => hop.ready), this.token);
    return hops;
  }

  #hop(settings: HopSettings) {
    const child = new Child<ToHop, FromHop>('./hop-process.js', `hop ${settings.name}`, hear, this.#lost);
    const hop = {
      name: settings.name,
      pid: child.pid,
      url: '',
      ready: false,
      strike: (signal: NodeJS.Signals) => child.strike(signal),
      join: (next: string | null) => child.tell({ next }),
    };
    const { board } = this;
    function hear(message: FromHop) {
      if ('visit' in message) board.putVisit(message.visit);
      else if ('url' in message) hop.url = message.url;
      else hop.ready = true;
      board.changed();
    }
    this.#children.push(child);
    child.tell({ settings });
    return hop;
  }

  readonly #lost = (why: string): void => {
    this.#source.cancel('SHUTDOWN', { description: why, cause: new ChainLost(why) });
  };
}
