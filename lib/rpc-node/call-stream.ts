/**
 * One call on one HTTP/2 stream; on another one where the first was certainly never looked at.
 *
 * 1. It settles once. On a cancel RST_STREAM CANCEL goes out first, always with code 8: 0, followed by a destroy before a
 *    flush, sends node:http2 into an endless loop. Node writes the frame at the end of the turn, so the caller is told in the
 *    next one: all that unwinds here would come before it, at every hop of a chain.
 * 2. The session counts the call in until its stream has closed, which may be after the call has settled: until then it may
 *    still be reset, and the reset still has to get out.
 * 3. The listeners are shared by all streams; a stream finds its call under `kCall`.
 * 4. An answer is whole when its readable side was ended by END_STREAM. A reset, whatever its code, and a lost session end it as
 *    well, but only after they have closed the stream; 'end' itself comes so late that both may be closed by then.
 * 5. It is sent again once. A refusal does not count where the peer had not said yet how many streams it takes; what can be sent
 *    only once waits until it has.
 * 6. A call that waits, for the connection or for room in it, has sent nothing: it leaves no trace when it is cancelled, and its
 *    headers, the time that is left among them, are made when they leave.
 */
import type { ClientHttp2Stream, OutgoingHttpHeaders } from 'node:http2';
import { addAbortSignal, Readable } from 'node:stream';
import { type CancellationToken, clock, type Registration } from '../core/index.ts';
import { LINGER_MS, type OutgoingCall, peerKnows, type RpcError } from '../rpc/index.ts';
import { RST_CANCEL } from '../wire/index.ts';
import { failureOf, tooLarge, unsent } from './failure.ts';
import type { ResponseHeaders } from './reply.ts';
import type { Session } from './session.ts';
import type { Sessions } from './sessions.ts';

const kCall = Symbol('nevermind.call');
/** That of the headers alone can be too large: node:http2 cuts what follows to size. */
const FRAME_SIZE_ERROR = 6;
/** Taken before a test can have timers stand still. */
const { setImmediate } = globalThis;
type Stream = ClientHttp2Stream & { [kCall]?: CallStream | undefined };

// Filled by the class, as they reach what is private to it.
let onResponse: (this: Stream, headers: ResponseHeaders) => void;
let onData: (this: Stream, chunk: Uint8Array) => void;
let onPush: (this: Stream, chunk: unknown, encoding?: BufferEncoding) => boolean;
let onEnd: (this: Stream) => void;
let onError: (this: Stream, error: Error) => void;
let onFrameError: (this: Stream, type: number, code: number) => void;
let onClose: (this: Stream) => void;

/** What all calls of a transport share. */
export interface Line {
  readonly sessions: Sessions;
  /** Goes before every path. */
  readonly prefix: string;
  readonly maxBodyBytes: number;
}

export abstract class CallStream {
  protected readonly line: Line;
  readonly #call: OutgoingCall;
  #registration: Registration | undefined;
  /** Has counted the call in. */
  #session: Session | undefined;
  /** From the request until it has closed. */
  #stream: Stream | undefined;
  #error: NodeJS.ErrnoException | undefined;
  /** We have sent RST_STREAM. */
  #told = false;
  #repeated = false;
  /** Sent before the peer has told its limits. */
  #early = false;
  #whole = false;
  #settled = false;

  constructor(line: Line, call: OutgoingCall) {
    this.line = line;
    this.#call = call;
  }

  /** Sets off; nothing of it happens in the constructor, as the fields of a subclass are not there yet. */
  begin(): this {
    this.#registration = this.#call.token.onCancel(this);
    this.#take();
    return this;
  }

  /** The request's headers beside the path, which it may add to. @returns the method */
  protected abstract open(headers: OutgoingHttpHeaders): 'GET' | 'POST';
  /** Sends the request on a stream that has just begun. */
  protected abstract send(stream: ClientHttp2Stream): void;
  protected abstract responded(headers: ResponseHeaders, stream: ClientHttp2Stream): void;
  protected abstract received(chunk: Uint8Array): void;
  /** The last of the answer is in our buffers. */
  protected arrived(): void {}
  /** The answer has come, whole. */
  protected abstract ended(): void;
  /** The call has failed; told at most once, and not after it has settled. */
  protected abstract failed(error: unknown): void;
  /** Whether what was sent can be sent again. */
  protected abstract readonly repeatable: boolean;
  /** Whether it will not be: invariant 5. */
  protected abstract readonly patient: boolean;

  protected get settled(): boolean {
    return this.#settled;
  }

  onCancelled(token: CancellationToken): void {
    const fail = () => this.failed(token.error);
    if (this.#stream === undefined) this.settle(fail);
    else if (peerKnows(token)) {
      clock.after(LINGER_MS, () => this.#tell());
      this.settle(fail);
    } else {
      this.#tell();
      this.settle(() => setImmediate(fail));
    }
  }

  #take(): void {
    if (this.#settled) return;
    const { sessions } = this.line;
    const session = sessions.take();
    if (!('take' in session)) {
      this.settle(() => this.failed(session));
      return;
    }
    this.#session = session;
    if (this.patient ? session.greeted : session.connected) this.#send(session);
    else {
      (this.patient ? session.greeting : session.ready).then(
        () => this.#send(session),
        // A server that could not be reached is no better the second time.
        (error: RpcError) => this.settle(() => this.failed(error)),
      );
    }
  }

  /** Invariant 6. */
  called(session: Session): void {
    if (!session.ending) this.#send(session);
    else {
      this.#leave();
      this.#take();
    }
  }

  #send(session: Session): void {
    if (this.#settled) return;
    if (!session.room) {
      session.wait(this);
      return;
    }
    const headers: OutgoingHttpHeaders = this.#call.headers();
    headers[':method'] = this.open(headers);
    headers[':path'] = this.line.prefix + this.#call.path;
    let stream: Stream;
    try {
      stream = session.request(headers);
    } catch (error) {
      // Node 20 throws here what later versions emit.
      this.#lost(unsent(this.#call.path, error as NodeJS.ErrnoException), session);
      return;
    }
    this.#stream = stream;
    this.#early = !session.greeted;
    stream[kCall] = this;
    stream.push = onPush;
    stream.on('response', onResponse).on('data', onData).on('end', onEnd);
    stream.on('frameError', onFrameError).on('error', onError).on('close', onClose);
    this.send(stream);
    this.#call.reached('sent');
  }

  #lost(error: RpcError, session: Session): void {
    if (this.#settled) return;
    // The peer looked away from this stream alone.
    const refused = error.remote && !session.retired;
    const counts = !(refused && this.#early);
    const again = error.neverProcessed && session.connected && this.repeatable && !(counts && this.#repeated);
    if (!again) {
      this.settle(() => this.failed(error));
      return;
    }
    if (counts) this.#repeated = true;
    if (!refused) session.retire();
    this.#leave();
    this.#take();
  }

  /** Ends the call from this side. */
  protected giveUp(why: () => unknown): void {
    if (this.#settled) return;
    this.#tell();
    this.settle(() => this.failed(why()));
  }

  #tell(): void {
    const stream = this.#stream;
    if (stream === undefined || stream.closed) return;
    this.#told = true;
    if (stream.writableEnded) stream.close(RST_CANCEL);
    // `close` would end the request first, and the peer would take what it has for the whole.
    else addAbortSignal(AbortSignal.abort(), stream);
  }

  /** The answer is whole; what is left of the request is not wanted. */
  protected stopSending(): void {
    if (this.#stream?.writableEnded === false) this.#tell();
  }

  protected settle(outcome: () => void): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#registration?.unregister();
    if (this.#stream === undefined) {
      this.#session?.forget(this);
      this.#leave();
    }
    outcome();
  }

  #leave(): void {
    if (this.#session !== undefined) this.line.sessions.release(this.#session, this.#told);
    this.#session = undefined;
  }

  static {
    onResponse = function (headers) {
      const call = this[kCall];
      if (call === undefined || call.#settled) return;
      call.#session?.heard();
      call.#call.reached('answered');
      call.responded(headers, this);
    };
    onData = function (chunk) {
      const call = this[kCall];
      if (call !== undefined && !call.#settled) call.received(chunk);
    };
    onPush = function (chunk, encoding) {
      const call = this[kCall];
      const whole = chunk === null && call !== undefined && !this.closed;
      if (whole) call.#whole = true;
      const more = Readable.prototype.push.call(this, chunk, encoding);
      if (whole) call.arrived();
      return more;
    };
    onEnd = function () {
      const call = this[kCall];
      if (call === undefined || call.#settled) return;
      // Anything else is told by 'close', which follows.
      if (call.#whole) call.ended();
    };
    onError = function (error) {
      const call = this[kCall];
      if (call !== undefined) call.#error = error;
    };
    onFrameError = function (_type, code) {
      const call = this[kCall];
      // The reset with which Node ends such a stream looks like a peer's.
      if (call !== undefined && code === FRAME_SIZE_ERROR) call.settle(() => call.failed(tooLarge(call.#call.path)));
    };
    onClose = function () {
      const call = this[kCall];
      if (call === undefined) return;
      const session = call.#session;
      call.#stream = undefined;
      // The stream itself stays until the next full collection.
      this[kCall] = undefined;
      if (session === undefined) return;
      session.freed();
      if (call.#settled) call.#leave();
      else call.#lost(failureOf(call.#call.path, this, session, call.#error), session);
    };
  }
}
