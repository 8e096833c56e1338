// A relay between client and server that reads what passes, and holds it back where a spec wants time to stand still.
import { once } from 'node:events';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls from 'node:tls';
import { certificate } from '../../server/support/certificate.ts';

export type Side = 'client' | 'server';

/** One HTTP/2 frame, and who sent it. */
export interface Frame {
  readonly from: Side;
  readonly type: number;
  readonly stream: number;
  /** Of RST_STREAM its code. */
  readonly code: number | undefined;
}

const RST_STREAM = 3;
const PREFACE = 24;
const HEAD = 9;

/** One direction of one connection. */
class Way {
  readonly #from: Side;
  readonly #to: Socket;
  readonly #heard: (frame: Frame) => void;
  /** Bytes until the next frame's head: those of the preface at first. */
  #skip: number;
  #unread: Buffer = Buffer.alloc(0);
  #held: Buffer[] = [];
  #left = Number.POSITIVE_INFINITY;
  passed = 0;

  constructor(from: Side, to: Socket, heard: (frame: Frame) => void) {
    this.#from = from;
    this.#to = to;
    this.#heard = heard;
    this.#skip = from === 'client' ? PREFACE : 0;
  }

  /** Lets so many bytes more pass. */
  limit(bytes: number): void {
    this.#left = bytes;
    const held = this.#held;
    this.#held = [];
    for (const chunk of held) this.push(chunk);
  }

  push(chunk: Buffer): void {
    const now = chunk.subarray(0, this.#left);
    const later = chunk.subarray(now.length);
    this.#left -= now.length;
    this.passed += now.length;
    if (later.length > 0) this.#held.push(later);
    if (now.length === 0) return;
    this.#to.write(now);
    this.#read(now);
  }

  #read(chunk: Buffer): void {
    this.#unread = Buffer.concat([this.#unread, chunk]);
    for (;;) {
      const skipped = Math.min(this.#skip, this.#unread.length);
      this.#unread = this.#unread.subarray(skipped);
      this.#skip -= skipped;
      if (this.#skip > 0 || this.#unread.length < HEAD + 4) return;
      const type = this.#unread[3] as number;
      const code = type === RST_STREAM ? this.#unread.readUInt32BE(HEAD) : undefined;
      this.#heard({ from: this.#from, type, stream: this.#unread.readUInt32BE(5) & 0x7fffffff, code });
      this.#skip = HEAD + this.#unread.readUIntBE(0, 3);
    }
  }
}

export class Wiretap {
  readonly url: URL;
  /** Frames that have passed. Of HTTP/1.1 there is no sense in them. */
  readonly frames: Frame[] = [];
  connections = 0;
  /** For each connection that is gone, who was first to close it. */
  readonly closed: Side[] = [];
  readonly #server: net.Server;
  readonly #ways: { readonly from: Side; readonly way: Way }[] = [];
  readonly #sockets: Socket[] = [];
  readonly #limits: Record<Side, number> = { client: Number.POSITIVE_INFINITY, server: Number.POSITIVE_INFINITY };
  #watchers: (() => void)[] = [];

  private constructor(target: URL, server: net.Server) {
    this.#server = server;
    this.url = new URL(`${target.protocol}//127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** Listens in front of a server; over TLS it ends one encryption and begins another. */
  static async on(target: URL): Promise<Wiretap> {
    const secure = target.protocol === 'https:';
    const ALPNProtocols = ['h2'];
    let tap: Wiretap;
    const accept = (near: Socket) =>
      tap.#join(near, secure ? tls.connect({ ...far, ALPNProtocols }) : net.connect(far));
    const far = { port: Number(target.port), host: '127.0.0.1', ca: certificate().cert };
    const server = secure ? tls.createServer({ ...certificate(), ALPNProtocols }, accept) : net.createServer(accept);
    await once(server.listen(0, '127.0.0.1'), 'listening');
    tap = new Wiretap(target, server);
    return tap;
  }

  /** Lets so many bytes more of that side's pass, on every connection; then holds back the rest. */
  hold(from: Side, after = 0): void {
    this.#limits[from] = after;
    for (const one of this.#ways) if (one.from === from) one.way.limit(after);
  }

  /** Lets everything pass. */
  release(): void {
    for (const from of ['client', 'server'] as const) this.hold(from, Number.POSITIVE_INFINITY);
  }

  /** Ends every connection at once; nothing that is held, and nothing that is written now, arrives. */
  cut(): void {
    for (const socket of this.#sockets.splice(0)) socket.destroy();
  }

  passed(from: Side): number {
    return this.#ways.reduce((sum, one) => (one.from === from ? sum + one.way.passed : sum), 0);
  }

  /** Codes of the RST_STREAM frames that a side has sent. */
  resets(from: Side): (number | undefined)[] {
    return this.frames.filter((frame) => frame.from === from && frame.type === RST_STREAM).map(({ code }) => code);
  }

  /** Resolves once `condition` holds; asked whenever something has passed or a connection has gone. */
  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#watchers.push(resolve));
  }

  close(): void {
    this.cut();
    this.#server.close();
  }

  #join(near: Socket, far: Socket): void {
    this.connections++;
    this.#sockets.push(near, far);
    const heard = (frame: Frame) => void this.frames.push(frame);
    let gone = false;
    for (const [from, socket, to] of [
      ['client', near, far],
      ['server', far, near],
    ] as const) {
      socket.setNoDelay(true);
      const way = new Way(from, to, heard);
      way.limit(this.#limits[from]);
      this.#ways.push({ from, way });
      socket.on('data', (chunk: Buffer) => {
        way.push(chunk);
        this.#changed();
      });
      // FIN and RST are passed on as what they mean to both sides: the connection is gone.
      socket
        .on('error', () => {})
        .on('close', () => {
          if (!gone) this.closed.push(from);
          gone = true;
          to.destroy();
          this.#changed();
        });
    }
  }

  #changed(): void {
    for (const watcher of this.#watchers.splice(0)) watcher();
  }
}
