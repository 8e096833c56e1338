// A WebSocket of `ws` under tokens, on the server's side and on the client's.
//
// Invariants
// 1. The token is cancelled once, by whatever comes first: the token that was given, `close`, or the end of the connection, which is
//    PEER_CLOSED. Work of a socket that has closed is nobody's.
// 2. A cancel is heard by the work first. The close frame goes out when the work has ended, the connection is cut when the peer has
//    not answered it; each takes `graceMs` at most, so that neither work nor peer holds a shutdown up.
// 3. No 'error' of such a socket ends the process, be it of a peer that breaks the protocol, or of a connection that is given up
//    before it is there. It is the cause of the token's error.
import type { Socket } from 'node:net';
import type { WebSocket } from 'ws';
import {
  type Cancellable,
  CancellationSource,
  type CancellationToken,
  type CancelReason,
  clock,
  currentToken,
  expected,
  toToken,
} from '../core/index.ts';
import { afterAwake, type Run, run, type Task } from '../task/index.ts';

export interface SocketOptions {
  /** Ends the conversation; default: the current token of `nevermind/ambient`, else none. */
  readonly token?: Cancellable | undefined;
  /** How long work may take to stop, and then the peer to answer the close frame, in milliseconds. Default 2 s. */
  readonly graceMs?: number | undefined;
  /** How often the peer is asked whether it is still there, in milliseconds; Infinity: never. Default 30 s. */
  readonly pingMs?: number | undefined;
}

export interface WorkOptions {
  /** What {@link Conversation.cancel} calls it. Work that runs under the same one is cancelled in favour of the new. */
  readonly id?: string | undefined;
  /** In milliseconds. */
  readonly timeout?: number | undefined;
}

/** What goes on over one WebSocket. */
export interface Conversation {
  /** Cancelled when the socket has closed, or is about to. */
  readonly token: CancellationToken;
  /**
   * Resolves when the socket has closed and its work has ended, or has been given up: with how much of it ignores its token and
   * runs on. That is at most twice `graceMs` after the cancel. Never rejects.
   */
  readonly ended: Promise<number>;
  /** How much work is under way. */
  readonly running: number;
  /** Starts work for a message or a subscription as `run` does, under a child of the token. @throws for bad arguments */
  start<T>(task: Task<T>, options?: WorkOptions): Run<T>;
  /** Asks the work of that id to stop, by default with `CANCELLED`; false when there is none, or it was asked already. */
  cancel(id: string, reason?: CancelReason): boolean;
  /**
   * Sends one message, and resolves when the network has taken it: who awaits it sends no faster than the peer reads. Also work
   * that was cancelled may say a last word.
   *
   * Rejects with the token's error when the socket has closed, or closes before that.
   *
   * @throws TypeError for what is neither text nor bytes
   */
  send(data: string | Uint8Array): Promise<void>;
  /**
   * Stops the work with `CANCELLED`, then closes the socket; the same promise as {@link ended}.
   *
   * @param code default 1000; once a cancel has begun, it is that one's
   * @throws RangeError for a code that may not be sent (RFC 6455, section 7.4)
   */
  close(code?: number): Promise<number>;
}

const conversations = new WeakMap<object, Conversation>();

/**
 * Puts a WebSocket of `ws` under tokens.
 *
 * Its own token is cancelled with `PEER_CLOSED` when the connection closes, however that came about, and when nothing was heard of
 * the peer from one ping to the next, nor has it read of what waits for it. When the token that was given is cancelled, so is all
 * work, with its reason; then the socket is closed, with code 1000 for `CANCELLED` and 1001 ("going away") for every other reason,
 * and cut if the peer does not answer. Neither reason nor description is sent.
 *
 * To be asked for as soon as there is a socket, for a client before it has connected. The same socket has one conversation; the
 * options of the first call hold. It reads no messages: `socket.on('message', …)` is yours.
 *
 * @param socket of ws 8
 * @throws TypeError or RangeError for bad arguments
 * @example
 * server.on('connection', (socket) => {
 *   const { start, cancel, send, close } = converse(socket, { token: shutdown.token });
 *   socket.on('message', (data) => {
 *     const { topic, stop } = parsed(data); // never throws: whoever can connect can send what he likes
 *     if (topic === undefined) void close(1007);
 *     else if (stop) cancel(topic);
 *     else void start((token) => forward(topic, send, token), { id: topic });
 *   });
 * });
 */
export function converse(socket: WebSocket, options: SocketOptions = {}): Conversation {
  const known = conversations.get(socket);
  if (known !== undefined) return known;
  if (typeof socket?.terminate !== 'function') throw new TypeError(expected('socket', 'a WebSocket of `ws`', socket));
  if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
  const { token = currentToken(), graceMs = 2_000, pingMs = 30_000 } = options;
  checkTime('graceMs', graceMs, 0);
  checkTime('pingMs', pingMs, 1);
  const talk = new Talk(socket, toToken('token', token), graceMs, pingMs);
  conversations.set(socket, talk);
  return talk;
}

function checkTime(name: string, value: unknown, least: number): void {
  const what = `a number of milliseconds, ${least} or more`;
  if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
  if (!(value >= least)) throw new RangeError(expected(name, what, value));
}

class Talk implements Conversation {
  #end!: (left: number) => void;
  readonly ended: Promise<number> = new Promise((resolve) => {
    this.#end = resolve;
  });
  readonly #socket: WebSocket;
  readonly #source: CancellationSource;
  readonly #graceMs: number;
  readonly #work = new Set<Run<unknown>>();
  readonly #named = new Map<string, CancellationSource>();
  #stage: 'open' | 'leaving' | 'closing' | 'closed' = 'open';
  #failure: Error | undefined;
  #code: number | undefined;
  /** The work has had its time to stop. */
  #late = false;
  /** The one thing that is waited for by time: a ping, the end of the work, the peer's close frame. */
  #disarm: (() => void) | undefined;

  constructor(socket: WebSocket, parent: CancellationToken, graceMs: number, pingMs: number) {
    this.#socket = socket;
    this.#graceMs = graceMs;
    this.#source = new CancellationSource(parent);
    if (socket.readyState === socket.CLOSED) this.#over(1006);
    socket.on('error', (error) => {
      this.#failure = error;
    });
    socket.on('close', (code) => this.#over(code));
    this.#watch(pingMs);
    this.token.onCancel(() => this.#leave());
  }

  get token(): CancellationToken {
    return this.#source.token;
  }

  get running(): number {
    return this.#work.size;
  }

  start = <T>(task: Task<T>, options: WorkOptions = {}): Run<T> => {
    if (typeof task !== 'function') throw new TypeError(expected('task', 'a function of a token', task));
    if (typeof options !== 'object' || options === null) throw new TypeError(expected('options', 'an object', options));
    const { id, timeout } = options;
    if (id !== undefined && typeof id !== 'string') throw new TypeError(expected('id', 'a string', id));
    const own = new CancellationSource({ parent: this.token, timeout, name: id });
    // Before the work begins, which the clean-up of the other would undo. A callback of the other may take the name in its turn.
    const other = id === undefined ? undefined : this.#named.get(id);
    if (id !== undefined) this.#named.set(id, own);
    other?.cancel('CANCELLED', { description: 'other work began under the same id' });
    const work = run(task, { token: own.token });
    work.cancel = (reason, details) => own.cancel(reason, details);
    this.#work.add(work);
    void work.then(() => {
      own.close();
      this.#work.delete(work);
      if (id !== undefined && this.#named.get(id) === own) this.#named.delete(id);
      if (this.#work.size === 0 && this.token.cancelled) this.#idle();
    });
    return work;
  };

  cancel = (id: string, reason?: CancelReason): boolean => this.#named.get(id)?.cancel(reason) ?? false;

  send = (data: string | Uint8Array): Promise<void> => {
    const socket = this.#socket;
    if (typeof data !== 'string' && !ArrayBuffer.isView(data))
      throw new TypeError(expected('data', 'a string or a Uint8Array', data));
    return new Promise((resolve, reject) => {
      if (socket.readyState === socket.CONNECTING)
        return reject(new Error("Expected an open socket; wait for its 'open'."));
      socket.send(data, (error) => {
        if (socket.readyState === socket.OPEN) return error ? reject(error) : resolve();
        // Nothing is delivered any more, though Node says of a socket that was destroyed that all it had under way was sent.
        this.#source.cancel('PEER_CLOSED', { description: 'the socket closes', cause: error });
        reject(this.token.error);
      });
    });
  };

  close = (code = 1000): Promise<number> => {
    checkCode(code);
    this.#code ??= code;
    this.#source.cancel('CANCELLED', { description: `closed with ${code}` });
    return this.ended;
  };

  /** Invariant 2, first step: the work hears of the cancel now. */
  #leave(): void {
    if (this.#stage !== 'open') return;
    this.#stage = 'leaving';
    this.#code ??= this.token.reason === 'CANCELLED' ? 1000 : 1001;
    this.#giveTime(() => this.#farewell());
    // Once all that listen have been told: there may be no work.
    queueMicrotask(() => this.#work.size === 0 && this.#idle());
  }

  #giveTime(then: () => void): void {
    this.#wait(this.#graceMs, () => {
      this.#late = true;
      then();
    });
  }

  #idle(): void {
    if (this.#stage === 'closed') this.#finish();
    else this.#farewell();
  }

  /** Invariant 2, second step. */
  #farewell(): void {
    if (this.#stage !== 'leaving') return;
    this.#stage = 'closing';
    this.#wait(this.#graceMs, () => this.#socket.terminate());
    // One that has yet to connect emits an 'error', and closes.
    this.#socket.close(this.#code);
  }

  #over(code: number): void {
    this.#stage = 'closed';
    this.#source.cancel('PEER_CLOSED', { description: `the connection closed with ${code}`, cause: this.#failure });
    if (this.#work.size === 0 || this.#late) this.#finish();
    else this.#giveTime(() => this.#finish());
  }

  #finish(): void {
    this.#disarm?.();
    this.#end(this.#work.size);
  }

  /** @param after the clock's for what is no reason to keep the process; somebody may wait for the end, and nothing else hold it */
  #wait(ms: number, then: () => void, after = afterAwake): void {
    this.#disarm?.();
    this.#disarm = after(ms, then);
  }

  /** Cuts the connection to a peer that does not answer, be it gone or frozen; one that is slow, either way, gets its time. */
  #watch(pingMs: number): void {
    const socket = this.#socket;
    let asked = false;
    let pongs = 0;
    let before = trafficOf(socket, pongs);
    socket.on('pong', () => pongs++);
    const check = (): void => {
      if (this.#stage !== 'open') return;
      const now = trafficOf(socket, pongs);
      // Also a part of a message: a peer can't answer in the midst of it.
      if (now.heard > before.heard) asked = false;
      // Nor before it has read what was sent before the ping; while more of that waits, the network takes it as the peer reads.
      const taken = (before.waits || now.waits) && (now.sent > before.sent || now.left !== before.left);
      before = now;
      // From a socket that is paused nothing can be heard.
      if (asked && !taken && !socket.isPaused) {
        this.#failure = new Error(`The peer has not answered a ping within ${pingMs} ms.`);
        socket.terminate();
      } else if (!asked && socket.readyState === socket.OPEN) {
        asked = true;
        socket.ping();
      }
      wait();
    };
    // After what has come meanwhile: a loop that was blocked learns late of an answer that came in time.
    const wait = (): void => this.#wait(pingMs, () => setImmediate(check), clock.after);
    if (pingMs < Number.POSITIVE_INFINITY && this.#stage === 'open') wait();
  }
}

/** What `ws` wraps: a net.Socket, nothing yet, or a stream that counts nothing. Under TLS it is the handle's parent that writes. */
type Wrapped = { readonly _socket?: (Partial<Socket> & { readonly _handle?: Handle | null }) | null };
type Handle = { readonly writeQueueSize?: number; readonly _parent?: Handle };

/** Of bytes, which have no event: those heard; those of past writes that were sent, those left of the one under way. */
function trafficOf(socket: WebSocket, pongs: number): { heard: number; sent: number; left: number; waits: boolean } {
  const { bytesRead = 0, bytesWritten = 0, writableLength = 0, _handle } = (socket as Wrapped)._socket ?? {};
  const left = (_handle?._parent ?? _handle)?.writeQueueSize ?? 0;
  return { heard: bytesRead + pongs, sent: bytesWritten - writableLength, left, waits: socket.bufferedAmount > 0 };
}

/** What may be sent: the codes with a meaning, and those for anybody. */
function checkCode(code: number): void {
  const known = code >= 1000 && code <= 1014 && ![1004, 1005, 1006].includes(code);
  if (Number.isInteger(code) && (known || (code >= 3000 && code <= 4999))) return;
  throw new RangeError(expected('code', 'a code to close with, such as 1000 or 4000', code));
}
