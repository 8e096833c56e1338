/**
 * The floor: the same chain with nothing but node:http2, the least that a cancel over HTTP/2 can take on this machine. A hop
 * that sees its stream reset resets the one it has opened, and that is all it does.
 */
import http2, { type ClientHttp2Stream, type Http2Stream, type ServerHttp2Stream } from 'node:http2';
import { CALL_HEADER } from './greeter.ts';
import { Notes, sharedNow, type Visit, visitOf } from './visit.ts';

const CANCEL = 8;
/** A Node server ends a session after about 1,000 resets. */
const RESETS = 400;

const LEAVE_MS = 1_000;

const STREAMED_HEADER = 'demo-streamed';

/** Asks a hop; a fresh session takes over before the peer loses its patience with the one at hand. */
export class FloorClient {
  readonly #url: string;
  #session: http2.ClientHttp2Session | undefined;
  #used = 0;

  constructor(url: string) {
    this.#url = url;
  }

  ask(call: string, streamed: boolean, body: string): ClientHttp2Stream {
    if (this.#session === undefined || ++this.#used > RESETS) {
      const old = this.#session;
      // Not at once: GOAWAY would overtake the requests of this turn, and the peer refuse them.
      if (old !== undefined) setTimeout(() => old.close(), LEAVE_MS).unref();
      this.#session = http2.connect(this.#url).on('error', ignore);
      this.#used = 1;
    }
    const headers = { ':method': 'POST', ':path': '/', [CALL_HEADER]: call, [STREAMED_HEADER]: String(streamed) };
    const stream = this.#session.request(headers).on('error', ignore);
    stream.end(body);
    return stream;
  }
}

/** The one way to cancel that is safe whatever has been sent by then. */
export function reset(stream: Http2Stream): void {
  stream.close(CANCEL);
}

export interface FloorHop {
  readonly name: string;
  readonly stepMs: number;
  /** Undefined for the last hop. */
  readonly next: () => FloorClient | undefined;
  readonly tell: (visit: Visit) => void;
}

/** What a hop does with a stream. */
export function floorHandler(hop: FloorHop): (stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders) => void {
  return (stream, headers) => {
    const call = String(headers[CALL_HEADER]);
    const streamed = headers[STREAMED_HEADER] === 'true';
    let body = '';
    stream.on('error', ignore).setEncoding('utf8');
    stream.on('data', (chunk: string) => {
      body += chunk;
    });
    stream.once('end', () => {
      if (stream.aborted || stream.destroyed) return;
      const notes = new Notes(visitOf(hop.name, call), hop.tell);
      const { steps } = JSON.parse(body) as { steps: number };
      const next = hop.next();
      const stop =
        next === undefined ? work(stream, steps, hop.stepMs, streamed) : relay(stream, next.ask(call, streamed, body));
      stream.once('aborted', () => {
        notes.note({ reason: 'CANCELLED', heardAt: sharedNow() });
        stop();
      });
      stream.once('close', () => {
        notes.note({ stoppedAt: sharedNow(), outcome: stream.aborted ? 'stopped' : 'answered' });
      });
    });
  };
}

function work(stream: ServerHttp2Stream, steps: number, stepMs: number, streamed: boolean): () => void {
  if (streamed) stream.write('.');
  let done = 0;
  const timer = setInterval(() => {
    if (++done >= steps) {
      clearInterval(timer);
      stream.end('.');
    } else if (streamed) stream.write('.');
  }, stepMs);
  return () => clearInterval(timer);
}

function relay(stream: ServerHttp2Stream, out: ClientHttp2Stream): () => void {
  out.on('data', (chunk: Buffer) => stream.write(chunk));
  let whole = false;
  out.once('end', () => {
    whole = out.rstCode === 0;
  });
  // A stream that was refused or lost may never end.
  out.once('close', () => {
    if (whole) stream.end();
    else reset(stream);
  });
  return () => reset(out);
}

function ignore(): void {}
