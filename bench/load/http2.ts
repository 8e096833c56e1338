import net, { type Socket } from 'node:net';
import { type Answered, type Ask, type Lane, type Load, Round } from './load.ts';

const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');
const DATA = 0;
const HEADERS = 1;
const SETTINGS = 4;
const PING = 6;
const WINDOW_UPDATE = 8;
/** Of SETTINGS and PING; of DATA and HEADERS it is END_STREAM. */
const ACK = 1;
const END_STREAM = 1;
const END_HEADERS = 4;
/** `:status: 200`, by the static table of HPACK. */
const STATUS_200 = 0x88;
const WINDOW = 2 ** 30;
/** Streams of one session that may be held: more would go over the memory that node:http2 gives a session. */
const STREAMS = 1_000;

/** All requests on one session, as far as it takes them, with prior knowledge. */
export async function http2Load(port: number, width: number, ask: Ask): Promise<Load> {
  const load = new Http2Load();
  for (let left = width; left > 0; left -= STREAMS) {
    load.sessions.push(await Session.open(load, port, Math.min(left, STREAMS), ask));
  }
  return load;
}

function frame(type: number, flags: number, stream: number, payload: Uint8Array): Buffer {
  const bytes = Buffer.alloc(9 + payload.length);
  bytes.writeUIntBE(payload.length, 0, 3);
  bytes[3] = type;
  bytes[4] = flags;
  bytes.writeUInt32BE(stream, 5);
  bytes.set(payload, 9);
  return bytes;
}

function uint32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** The head in literal fields, so that every session reads it alike. */
function headOf({ method, path, headers, body }: Ask): Buffer {
  const length = body === undefined ? {} : { 'content-length': String(body.length) };
  const all = { ':method': method, ':scheme': 'http', ':path': path, ':authority': 'localhost', ...headers, ...length };
  const fields = Object.entries(all).flatMap(([name, value]) => [
    Buffer.from([0, name.length]),
    Buffer.from(name),
    Buffer.from([value.length]),
    Buffer.from(value),
  ]);
  return Buffer.concat(fields);
}

class Http2Load implements Load {
  readonly sessions: Session[] = [];
  #round: Round | undefined;
  #reject: ((error: Error) => void) | undefined;

  run(ms: number): Promise<Answered> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      const lanes = this.sessions.flatMap(({ lanes }) => lanes);
      this.#round = new Round(lanes, ms, resolve);
      for (const session of this.sessions) void session.flush();
    });
  }

  async hold(): Promise<void> {
    for (const session of this.sessions) {
      for (const lane of session.lanes) lane.ask();
      await session.flush();
    }
  }

  answered(lane: Lane): void {
    this.#round?.answered(lane);
  }

  failed(error: Error): void {
    this.#reject?.(error);
  }

  close(): void {
    for (const { socket } of this.sessions) socket.destroy();
  }
}

class Session {
  readonly socket: Socket;
  readonly lanes: readonly Lane[];
  readonly #load: Http2Load;
  readonly #request: Buffer;
  readonly #idsAt: readonly number[];
  /** What is to go out at the end of this turn. */
  #out: Buffer[] = [];
  #nextId = 1;
  #unread: Buffer = Buffer.alloc(0);
  #taken = 0;

  private constructor(load: Http2Load, socket: Socket, width: number, ask: Ask) {
    this.#load = load;
    this.socket = socket;
    const { body } = ask;
    const head = frame(HEADERS, END_HEADERS | (body === undefined ? END_STREAM : 0), 0, headOf(ask));
    const data = body === undefined ? Buffer.alloc(0) : frame(DATA, END_STREAM, 0, Buffer.from(body));
    this.#request = Buffer.concat([head, data]);
    this.#idsAt = body === undefined ? [5] : [5, head.length + 5];
    // Which stream has which answer is all the same: each answer asks once more.
    this.lanes = Array.from({ length: width }, () => ({ ask: () => this.#ask() }));
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => load.failed(error));
    socket.on('end', () => load.failed(new Error('the server hung up')));
  }

  static async open(load: Http2Load, port: number, width: number, ask: Ask): Promise<Session> {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true });
    await new Promise((resolve, reject) => socket.once('connect', resolve).once('error', reject));
    const session = new Session(load, socket, width, ask);
    const window = frame(WINDOW_UPDATE, 0, 0, uint32(WINDOW));
    socket.write(Buffer.concat([PREFACE, frame(SETTINGS, 0, 0, new Uint8Array(0)), window]));
    return session;
  }

  #ask(): void {
    const request = Buffer.from(this.#request);
    for (const at of this.#idsAt) request.writeUInt32BE(this.#nextId, at);
    this.#nextId += 2;
    this.#out.push(request);
  }

  flush(): Promise<void> {
    const out = Buffer.concat(this.#out);
    this.#out = [];
    return new Promise((resolve) => this.socket.write(out, () => resolve()));
  }

  #read(chunk: Buffer): void {
    const bytes = this.#unread.length === 0 ? chunk : Buffer.concat([this.#unread, chunk]);
    let at = 0;
    while (at + 9 <= bytes.length) {
      const end = at + 9 + bytes.readUIntBE(at, 3);
      if (end > bytes.length) break;
      this.#take(bytes[at + 3] as number, bytes[at + 4] as number, bytes.subarray(at + 9, end));
      at = end;
    }
    this.#unread = bytes.subarray(at);
    if (this.#out.length > 0) void this.flush();
  }

  #take(type: number, flags: number, payload: Buffer): void {
    if (type === DATA) this.#consumed(payload.length);
    if (type === HEADERS && payload[0] !== STATUS_200)
      this.#load.failed(new Error('answered with another status than 200'));
    if (type === DATA || type === HEADERS) {
      if ((flags & END_STREAM) !== 0) this.#load.answered(this.lanes[0] as Lane);
    } else if ((type === SETTINGS || type === PING) && (flags & ACK) === 0) {
      this.#out.push(frame(type, ACK, 0, type === PING ? payload : new Uint8Array(0)));
    } else if (type !== SETTINGS && type !== PING && type !== WINDOW_UPDATE) {
      this.#load.failed(new Error(`was sent a frame of type ${type}`));
    }
  }

  #consumed(bytes: number): void {
    this.#taken += bytes;
    if (this.#taken < WINDOW / 2) return;
    this.#out.push(frame(WINDOW_UPDATE, 0, 0, uint32(this.#taken)));
    this.#taken = 0;
  }
}
