import { randomBytes } from 'node:crypto';
import { CancellationSource, type CancellationToken } from '../core/index.ts';
import { Board } from './board.ts';
import type { TransportName, Wire } from './carrier.ts';
import { Child } from './child.ts';
import type { Fault } from './fault.ts';
import type { HopSettings } from './hop.ts';
import type { CallOrder, FromCaller, FromHop, ToCaller, ToHop } from './messages.ts';

export interface ChainOptions extends Omit<HopSettings, 'name' | 'port' | 'wire' | 'fault'> {
  readonly hops: number;
  /** The first hop's; 0: any that is free. */
  readonly port: number;
  /** Default h2c. `floor`: hops and callers of bare node:http2 in place of ours. */
  readonly transport?: TransportName | 'floor';
  /** Of the hop in the middle, the first of two. Default: none. */
  readonly fault?: Fault | null;
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
  /** Keeps so many calls under way that nobody cancels; 0 ends that, and the board gets to know how many they were. */
  load(count: number): void;
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
  readonly #wire: Wire;
  readonly #floor: boolean;
  #hops: readonly Hop[] = [];

  private constructor(transport: TransportName | 'floor', token: CancellationToken) {
    this.#source = new CancellationSource({ parent: token });
    this.#floor = transport === 'floor';
    this.#wire = { transport: transport === 'floor' ? 'h2c' : transport, key: randomBytes(32).toString('base64') };
  }

  /**
   * Starts the processes, all at once, and joins them.
   *
   * @throws the token's error, its cause a ChainLost when one of them can't be what it is to be, as on a port in use; no
   *   process is left then
   */
  static async start({ hops, token, transport = 'h2c', ...settings }: ChainOptions): Promise<Chain> {
    const chain = new Chain(transport, token);
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
      else if ('loaded' in message) this.board.putLoad(message.loaded);
      else ready = true;
      this.board.changed();
    };
    const entry = this.#floor ? './floor-caller-process.js' : './caller-process.js';
    const child = new Child<ToCaller, FromCaller>(entry, 'the client', hear, this.#lost);
    this.#children.push(child);
    child.tell({ url: this.#hops[0]?.url ?? '', wire: this.#wire });
    await this.board.until(() => ready, this.token);
    return {
      call: (order) => child.tell(order),
      changeMind: (call) => child.tell({ changeMind: call }),
      load: (load) => child.tell({ load }),
      strike: (signal) => child.strike(signal),
    };
  }

  /** Ends every process, and resolves when none is left. */
  async end(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.end()));
    this.#source.close();
  }

  async #join(count: number, options: Omit<ChainOptions, 'hops' | 'token'>): Promise<Hop[]> {
    const hops = Array.from({ length: count }, (_, index) => {
      const name = String.fromCharCode(65 + index);
      const middle = index === Math.floor((count - 1) / 2);
      const fault = middle ? (options.fault ?? null) : null;
      const { propagate, stepMs, ownStepMs } = options;
      const port = index === 0 ? options.port : 0;
      return this.#hop({ name, port, wire: this.#wire, propagate, fault, stepMs, ownStepMs });
    });
    await this.board.until(() => hops.every((hop) => hop.url !== ''), this.token);
    for (const [index, hop] of hops.entries()) hop.join(hops[index + 1]?.url ?? null);
    await this.board.until(() => hops.every((hop) => hop.ready), this.token);
    return hops;
  }

  #hop(settings: HopSettings) {
    const entry = this.#floor ? './floor-hop-process.js' : './hop-process.js';
    const child = new Child<ToHop, FromHop>(entry, `hop ${settings.name}`, hear, this.#lost);
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
