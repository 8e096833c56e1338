import { Hop } from './hop.ts';
import type { Client, Manner, Peer } from './peer.ts';

/** Some hops, each in a process of its own, and a client of the first one in this process. */
export class Chain {
  readonly client: Client;
  readonly last: Hop;
  readonly #hops: readonly Hop[];
  #ids = 0;

  private constructor(client: Client, hops: readonly [Hop, ...Hop[]]) {
    this.client = client;
    this.#hops = hops;
    this.last = hops[0];
  }

  static async start(module: string, length: number, manner: Manner = {}): Promise<Chain> {
    const last = new Hop(module, undefined, manner);
    const hops: [Hop, ...Hop[]] = [last];
    let port = await last.port;
    while (hops.length < length) {
      const hop = new Hop(module, port, manner);
      hops.push(hop);
      port = await hop.port;
    }
    const { peer } = (await import(`./${module}.js`)) as { peer: Peer };
    return new Chain(peer.connect(port, manner), hops);
  }

  /** A call that the last hop waits in. */
  async wait(): Promise<{ readonly id: number; cancel(): void; readonly over: Promise<unknown> }> {
    const id = ++this.#ids;
    const { cancel, over } = this.client.wait(id);
    await this.last.entered(id);
    return { id, cancel, over };
  }

  /** As many of them at once; it does not come back before all have arrived. */
  waits(count: number): ReturnType<Chain['wait']>[] {
    return Array.from({ length: count }, () => this.wait());
  }

  /** Keeps so many calls to `greet` under way, for `ms`. @returns how many were answered */
  async greet(width: number, ms: number): Promise<number> {
    const end = performance.now() + ms;
    let answers = 0;
    const lane = async (): Promise<void> => {
      while (performance.now() < end) {
        if ((await this.client.greet('Ada')) !== 'Hello, Ada!') throw new Error('was answered wrongly');
        answers++;
      }
    };
    await Promise.all(Array.from({ length: width }, lane));
    return answers;
  }

  async close(): Promise<void> {
    for (const hop of this.#hops) hop.end();
    // What it is told now is of no interest.
    await Promise.race([this.client.close(), new Promise((resolve) => setTimeout(resolve, 200))]);
  }
}
