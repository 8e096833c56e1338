import net, { type Socket } from 'node:net';
import { type Answered, type Ask, type Lane, type Load, Round } from './load.ts';

/** So many connections are opened at once: more than a listener's backlog would be refused. */
const AT_ONCE = 100;

/** A connection for each request that is under way. */
export async function http1Load(port: number, width: number, ask: Ask): Promise<Load> {
  const bytes = wire(ask);
  const load = new Http1Load();
  while (load.lanes.length < width) {
    const opened = Array.from({ length: Math.min(AT_ONCE, width - load.lanes.length) }, () => open(port));
    for (const socket of await Promise.all(opened)) load.lanes.push(new Connection(load, socket, bytes));
  }
  return load;
}

function open(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = net.connect({ port, host: '127.0.0.1', noDelay: true }, () => resolve(socket));
    socket.once('error', reject);
  });
}

function wire({ method, path, headers, body = '' }: Ask): Buffer {
  const fields = { host: 'localhost', ...headers, ...(body === '' ? {} : { 'content-length': body.length }) };
  const lines = Object.entries(fields).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(`${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body}`);
}

class Http1Load implements Load {
  readonly lanes: Connection[] = [];
  #round: Round | undefined;
  #reject: ((error: Error) => void) | undefined;

  run(ms: number): Promise<Answered> {
    return new Promise((resolve, reject) => {
      this.#reject = reject;
      this.#round = new Round(this.lanes, ms, resolve);
    });
  }

  hold(): Promise<void> {
    for (const lane of this.lanes) lane.ask();
    return Promise.resolve();
  }

  answered(lane: Lane): void {
    this.#round?.answered(lane);
  }

  failed(error: Error): void {
    this.#reject?.(error);
  }

  close(): void {
    for (const lane of this.lanes) lane.socket.destroy();
  }
}

class Connection implements Lane {
  readonly socket: Socket;
  readonly #load: Http1Load;
  readonly #bytes: Buffer;
  #seen = '';

  constructor(load: Http1Load, socket: Socket, bytes: Buffer) {
    this.#load = load;
    this.socket = socket;
    this.#bytes = bytes;
    socket.on('data', (chunk) => this.#read(chunk));
    socket.on('error', (error) => load.failed(error));
    socket.on('end', () => load.failed(new Error('the server hung up')));
  }

  ask(): void {
    this.socket.write(this.#bytes);
  }

  #read(chunk: Buffer): void {
    this.#seen += chunk.toString('latin1');
    const length = lengthOf(this.#seen);
    if (length === undefined || this.#seen.length < length) return;
    const fine = this.#seen.startsWith('HTTP/1.1 200');
    const answer = this.#seen;
    this.#seen = '';
    if (fine && answer.length === length) this.#load.answered(this);
    else this.#load.failed(new Error(`answered ${answer.slice(9, 12)}`));
  }
}

/** How long an answer is in all, once that can be told. */
function lengthOf(seen: string): number | undefined {
  const head = seen.indexOf('\r\n\r\n') + 4;
  if (head < 4) return undefined;
  const [, length] = /\r\ncontent-length: (\d+)/i.exec(seen) ?? [];
  if (length !== undefined) return head + Number(length);
  return seen.endsWith('\r\n0\r\n\r\n') ? seen.length : undefined;
}
