// The line of a request that asks for another protocol, as a WebSocket does, where whoever handed it on has no response for it:
// what there is to go by is its connection, which belongs to the handler.
import type { Socket } from 'node:net';
import { CancellationSource, expected } from '../core/index.ts';
import { type Line, type Lined, type LineWatcher, line } from './line.ts';
import type { NodeRequest } from './node-line.ts';
import { TWICE } from './refusal.ts';

export class SocketLine implements Line {
  readonly source: CancellationSource = new CancellationSource();
  readonly name: string;
  readonly upgrades = true;
  readonly timeout: undefined;
  speaksForItself = false;
  mutes = false;
  over = false;
  watcher: LineWatcher | undefined;
  readonly #socket: Socket;
  readonly #sentBefore: number;

  private constructor(req: NodeRequest & Lined) {
    const { method, url = '', socket } = req;
    this.name = `${method} ${url.split('?', 1)[0]}`;
    this.#socket = socket as Socket;
    this.#sentBefore = this.#socket.bytesWritten;
    if (socket.destroyed) this.#closed();
    else socket.once('close', () => this.#closed());
    req[line] = this;
  }

  /** Takes the connection over. @throws TypeError when an adapter has the request already, and for what node:http did not make */
  static open(req: NodeRequest): SocketLine {
    if (typeof req?.socket?.once !== 'function') throw new TypeError(expected('req', 'a request of node:http', req));
    if ((req as Lined)[line] !== undefined) throw new TypeError(TWICE);
    return new SocketLine(req);
  }

  get begun(): boolean {
    return this.over || this.#socket.bytesWritten > this.#sentBefore;
  }

  watch(watcher: LineWatcher): void {
    this.watcher = watcher;
  }

  cut(): void {
    this.#socket.destroy();
  }

  mute(): void {}

  last(): void {}

  #closed(): void {
    if (!this.source.token.cancelled) this.watcher?.left();
    this.source.cancel('PEER_CLOSED');
    this.over = true;
    this.source.close();
    this.watcher?.over();
  }
}
