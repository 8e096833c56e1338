/**
 * One unary call on one HTTP/2 stream; on a second one where the first was certainly never looked at.
 *
 * 1. It settles once. On a cancel RST_STREAM CANCEL goes out first, always with code 8: 0, followed by a destroy before a
 *    flush, sends node:http2 into an endless loop.
 * 2. An answer counts only when it ended with END_STREAM. A stream that was reset, or lost its session, ends its readable
 *    side as well, but is `closed` by then.
 * 3. The session counts the call in until its stream has closed, which may be after the call has settled: until then it may
 *    still be reset, and the reset still has to get out.
 * 4. The listeners are shared by all streams; a stream finds its call under `kCall`.
 */
import type { ClientHttp2Stream } from 'node:http2';
import { type CancellationToken, clock, type Registration } from '../core/index.ts';
import { LINGER_MS, peerKnows, RpcError, type UnaryCall, type UnaryReply } from '../rpc/index.ts';
import { RST_CANCEL } from '../wire/index.ts';
import { failureOf, unsent } from './failure.ts';
import { Http2Reply, type ResponseHeaders } from './reply.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

const kCall = Symbol('nevermind.call');
type Stream = ClientHttp2Stream & { [kCall]?: UnaryStream };

/** What all calls of a transport share. */
export interface Line {
  readonly sessions: Sessions;
  /** Goes before every path. */
  readonly prefix: string;
  readonly maxBodyBytes: number;
}

export class UnaryStream {
  readonly #line: Line;
  readonly #call: UnaryCall;
  readonly #resolve: (reply: UnaryReply) => void;
  readonly #reject: (error: unknown) => void;
  #registration: Registration | undefined;
  /** Has counted the call in. */
  #session: Session | undefined;
  /** From the request until it has closed. */
  #stream: Stream | undefined;
  #headers: ResponseHeaders | undefined;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #error: NodeJS.ErrnoException | undefined;
  /** We have sent RST_STREAM. */
  #told = false;
  #movedOn = false;
  #settled = false;

  constructor(line: Line, call: UnaryCall, resolve: (reply: UnaryReply) => void, reject: (error: unknown) => void) {
    this.#line = line;
    this.#call = call;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#registration = call.token.onCancel(this);
    this.#begin();
  }

  onCancelled(token: CancellationToken): void {
    if (this.#stream !== undefined && peerKnows(token)) {
      clock.after(LINGER_MS, () => this.#tell());
      this.#settle(() => this.#reject(token.error));
    } else this.#giveUp(() => token.error);
  }

  #begin(): void {
    if (this.#settled) return;
    const session = this.#line.sessions.take();
    this.#session = session;
    if (session === undefined) this.#settle(() => this.#reject(this.#line.sessions.closedError()));
    else if (session.connected) this.#send(session);
    else {
      // Not queued in the session meanwhile: a call that is cancelled now leaves no trace, and the time left is told late.
      session.ready.then(
        () => this.#send(session),
        (error: RpcError) => this.#failed(error, session),
      );
    }
  }

  #send(session: Session): void {
    if (this.#settled) return;
    const { body, path } = this.#call;
    const headers: Record<string, string> = this.#call.headers();
    headers[':method'] = 'POST';
    headers[':path'] = this.#line.prefix + path;
    headers['content-length'] = String(Buffer.byteLength(body));
    try {
      this.#listen(session.request(headers));
    } catch (error) {
      // Node 20 throws here what later versions emit.
      this.#failed(unsent(path, error as NodeJS.ErrnoException), session);
      return;
    }
    this.#stream?.end(body);
    this.#call.reached('sent');
  }

  #listen(stream: Stream): void {
    this.#stream = stream;
    stream[kCall] = this;
    stream.on('response', onResponse).on('data', onData).on('end', onEnd).on('error', onError).on('close', onClose);
  }

  responded(headers: ResponseHeaders): void {
    if (this.#settled) return;
    this.#headers = headers;
    this.#call.reached('answered');
    const encoding = headers['content-encoding'] ?? 'identity';
    if (encoding !== 'identity') {
      this.#giveUp(() => new RpcError('internal', `Expected an answer without encoding, got \`${encoding}\`.`));
    }
  }

  received(chunk: Uint8Array): void {
    if (this.#settled) return;
    this.#chunks.push(chunk);
    this.#size += chunk.byteLength;
    const { maxBodyBytes } = this.#line;
    if (this.#size <= maxBodyBytes) return;
    this.#giveUp(() => new RpcError('resource_exhausted', `Expected an answer of at most ${maxBodyBytes} bytes.`));
  }

  ended(stream: ClientHttp2Stream): void {
    const headers = this.#headers;
    // Invariant 2; 'close' follows and tells what it was.
    if (headers === undefined || stream.closed) return;
    this.#settle(() => this.#resolve(new Http2Reply(headers, this.#chunks)));
  }

  errored(error: NodeJS.ErrnoException): void {
    this.#error = error;
  }

  closed(stream: ClientHttp2Stream): void {
    const session = this.#session;
    this.#stream = undefined;
    if (session === undefined) return;
    if (this.#settled) this.#leave();
    else this.#failed(failureOf(this.#call.path, stream, session, this.#error), session);
  }

  #failed(error: RpcError, session: Session): void {
    if (this.#settled) return;
    if (!error.neverProcessed || !session.connected || this.#movedOn) this.#settle(() => this.#reject(error));
    else {
      // Nobody has seen the call: it may begin again, once, elsewhere.
      this.#movedOn = true;
      session.retire();
      this.#leave();
      this.#begin();
    }
  }

  #giveUp(why: () => unknown): void {
    if (this.#settled) return;
    this.#tell();
    this.#settle(() => this.#reject(why()));
  }

  #tell(): void {
    if (this.#stream === undefined || this.#stream.closed) return;
    this.#told = true;
    this.#stream.close(RST_CANCEL);
  }

  #settle(outcome: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#registration?.unregister();
    if (this.#stream === undefined) this.#leave();
    outcome();
  }

  #leave(): void {
    if (this.#session !== undefined) this.#line.sessions.release(this.#session, this.#told);
    this.#session = undefined;
  }
}

function onResponse(this: Stream, headers: ResponseHeaders): void {
  this[kCall]?.responded(headers);
}

function onData(this: Stream, chunk: Uint8Array): void {
  this[kCall]?.received(chunk);
}

function onEnd(this: Stream): void {
  this[kCall]?.ended(this);
}

function onError(this: Stream, error: Error): void {
  this[kCall]?.errored(error);
}

function onClose(this: Stream): void {
  this[kCall]?.closed(this);
}
