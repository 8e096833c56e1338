// HTTP/2 by hand: frames that no honest client would send.
import net, { type Socket } from 'node:net';
import { gate } from './gate.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export const TYPE = {
  DATA: 0,
  HEADERS: 1,
  RST_STREAM: 3,
  SETTINGS: 4,
  PING: 6,
  GOAWAY: 7,
  WINDOW_UPDATE: 8,
  CONTINUATION: 9,
};
export const END_STREAM = 1;
export const END_HEADERS = 4;

export function frame(type: number, flags: number, stream: number, payload: Buffer = Buffer.alloc(0)): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head[3] = type;
  head[4] = flags;
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, payload]);
}

export function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** `GET /` over http, by the static table of HPACK, with an authority in plain. */
export const GET: Buffer = Buffer.concat([Buffer.from([0x82, 0x86, 0x84, 0x41, 9]), Buffer.from('localhost')]);

/** One connection. Reads and forgets what comes. */
export class RawSession {
  readonly socket: Socket;
  /** Resolves when the connection is gone. */
  readonly gone: Promise<void>;
  #pong = gate();

  private constructor(socket: Socket) {
    this.socket = socket;
    this.gone = new Promise((resolve) => socket.once('close', () => resolve()));
    let seen = Buffer.alloc(0);
    socket
      .on('error', () => {})
      .on('data', (chunk) => {
        seen = Buffer.concat([seen, chunk]);
        while (seen.length >= 9 && seen.length >= 9 + seen.readUIntBE(0, 3)) {
          if (seen[3] === TYPE.PING) this.#pinged(seen);
          seen = seen.subarray(9 + seen.readUIntBE(0, 3));
        }
      });
  }

  static async open(port: number): Promise<RawSession> {
    const socket = net.connect(port, '127.0.0.1');
    await new Promise((resolve) => socket.once('connect', resolve));
    const session = new RawSession(socket);
    session.send(PREFACE, frame(TYPE.SETTINGS, 0, 0), frame(TYPE.SETTINGS, ACK, 0));
    return session;
  }

  #pinged(ping: Buffer): void {
    if (ping[4] === ACK) this.#pong.open();
    else this.send(frame(TYPE.PING, ACK, 0, ping.subarray(9, 17)));
  }

  send(...frames: Buffer[]): void {
    this.socket.write(Buffer.concat(frames));
  }

  /** Waits until the server has dealt with all that was sent, or has had enough of this connection. */
  async settled(): Promise<void> {
    this.#pong = gate();
    this.send(frame(TYPE.PING, 0, 0, Buffer.alloc(8)));
    await Promise.race([this.#pong.opened, this.gone]);
  }
}

const ACK = 1;
