import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** One connection through the relay. */
export interface Line {
  /** Passes nothing on any more, either way, until {@link Line.pass}. */
  hold(): void;
  pass(): void;
  /** Breaks it. */
  cut(): void;
  /** Resolves when it is closed on both sides. */
  readonly closed: Promise<unknown>;
  /** The server's next word. */
  answered(): Promise<unknown>;
}

/** Stands between a driver and its server, and may hold up what goes by. */
export class Relay implements AsyncDisposable {
  readonly #server: Server;
  readonly #target: number;
  readonly #waiting: ((line: Line) => void)[] = [];
  readonly #near = new Set<Socket>();
  /** All connections, in the order in which they were made. */
  readonly lines: Line[] = [];
  /** What becomes of new ones. */
  welcome: 'pass' | 'hold' | 'cut' = 'pass';

  private constructor(target: number) {
    this.#target = target;
    this.#server = createServer((near) => this.#accept(near));
  }

  static async to(target: number): Promise<Relay> {
    const relay = new Relay(target);
    relay.#server.listen(0, '127.0.0.1');
    await once(relay.#server, 'listening');
    return relay;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** The next connection that is made. */
  next(): Promise<Line> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #accept(near: Socket): void {
    const far = connect(this.#target, '127.0.0.1');
    this.#near.add(near);
    for (const socket of [near, far]) socket.on('error', () => {});
    near.on('close', () => far.destroy());
    far.on('close', () => near.destroy());
    const line: Line = {
      hold() {
        near.unpipe(far).pause();
        far.unpipe(near).pause();
      },
      pass: () => void near.pipe(far).pipe(near),
      cut: () => void near.resetAndDestroy(),
      answered: () => new Promise((resolve) => far.once('data', resolve)),
      closed: Promise.all([near, far].map((socket) => new Promise((resolve) => socket.once('close', resolve)))),
    };
    if (this.welcome === 'pass') line.pass();
    if (this.welcome === 'cut') line.cut();
    this.lines.push(line);
    this.#waiting.shift()?.(line);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.close();
    for (const near of this.#near) near.destroy();
    await once(this.#server, 'close');
  }
}
