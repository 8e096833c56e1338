/**
 * One HTTP/2 connection of a client, and how much of it may still be used.
 *
 * 1. `resets + open` stays below BUDGET: a Node server ends the whole session after about 1,000 resets, bystanders
 *    included, so every call under way is counted as one that may yet be cancelled.
 * 2. A session that has used up half of the budget, or heard GOAWAY, takes no new calls; those under way finish on it.
 * 3. It keeps the process alive exactly while it has calls.
 * 4. A connection that does not come about, SETTINGS of the peer included, or whose peer does not answer a PING, is ended from here: its calls fail with
 *    `unavailable` instead of waiting.
 * 5. What is over the peer's limit of streams waits here, in order, and not in Node: there its headers would be made already, with
 *    a deadline that is not what is left of it when they leave, and a cancel would be sent for a call that was not.
 */
import http2, { type ClientHttp2Session, type ClientHttp2Stream, type OutgoingHttpHeaders } from 'node:http2';
import { clock } from '../core/index.ts';
import { RpcError } from '../rpc/index.ts';
import { Heartbeat, type HeartbeatOptions } from './heartbeat.ts';

/** Node's guard strikes at 1,000 (1,001 to 1,050 measured, later by 33 a second). */
const BUDGET = 900;
const USED_UP = BUDGET / 2;
/** In megabytes. Past Node's own 10, which a few requests that are not sent yet take up, answers to other calls are refused. */
const SESSION_MEMORY = 1_000_000;

/** So many streams Node sends before the peer has said how many it takes; `peerMaxConcurrentStreams` among the options. */
const EARLY_STREAMS = 100;

/** What `http2.connect` takes beside the address: certificates, settings, windows. */
export type SessionOptions = http2.ClientSessionOptions | http2.SecureClientSessionOptions;

/** What all sessions of a transport share. */
export interface Dialling extends HeartbeatOptions {
  readonly origin: string;
  readonly session: SessionOptions | undefined;
  /** What a connection may take to stand, and its peer to say the first word, in milliseconds. */
  readonly connectTimeoutMs: number;
}

/** A call that waits for room. */
export interface Waiting {
  /** There is room now, or never will be here: see {@link Session.ending}. */
  called(session: Session): void;
}

export class Session {
  readonly origin: string;
  readonly #session: ClientHttp2Session;
  readonly #heartbeat: Heartbeat;
  /** Settles when the connection stands or has failed; resolved for good once `connected`. */
  readonly ready: Promise<void>;
  connected = false;
  /** The same for the peer's SETTINGS, which come first of all and say how many streams it takes; then `greeted`. */
  readonly greeting: Promise<void>;
  greeted = false;
  /** No stream can begin any more. */
  ending = false;
  /** What the peer takes at a time. */
  #limit: number;
  #streams = 0;
  readonly #waiting = new Set<Waiting>();
  /** Streams above this one were never processed; set by the peer's GOAWAY. */
  #lastStreamId = Number.POSITIVE_INFINITY;
  #error: NodeJS.ErrnoException | undefined;
  #open = 0;
  #resets = 0;
  #retired = false;

  /** @param onGone called once, when the session is closed */
  constructor(dialling: Dialling, onGone: (session: Session) => void) {
    const { origin, session: options } = dialling;
    this.origin = origin;
    this.#limit = options?.peerMaxConcurrentStreams ?? EARLY_STREAMS;
    const session = http2.connect(origin, {
      maxSessionMemory: SESSION_MEMORY,
      ...options,
      settings: { enablePush: false, ...options?.settings },
    });
    this.#session = session;
    this.#heartbeat = new Heartbeat(session, dialling, () => this.#giveUp('PING_TIMEOUT'));
    const late = clock.after(dialling.connectTimeoutMs, () => this.#giveUp('ETIMEDOUT'));
    session.once('close', () => {
      late();
      onGone(this);
      this.#end();
      this.#heartbeat.stop();
    });
    this.ready = this.#once('connect', () => {
      this.connected = true;
      this.#heartbeat.heard();
      this.#heartbeat.run(this.#open > 0);
    });
    this.greeting = this.#once('remoteSettings', () => {
      this.greeted = true;
      late();
    });
    session.on('remoteSettings', ({ maxConcurrentStreams = Number.POSITIVE_INFINITY }) => {
      this.#limit = maxConcurrentStreams;
      this.#call();
    });
    session.on('error', (error) => {
      this.#error = error;
    });
    session.on('goaway', (_code, lastStreamId) => {
      this.#lastStreamId = lastStreamId;
      this.retire();
      this.#end();
    });
  }

  /** Resolves when `event` has come; rejects when the connection has gone before. */
  #once(event: 'connect' | 'remoteSettings', came: () => void): Promise<void> {
    const promise = new Promise<void>((resolve, reject) => {
      this.#session.once(event, () => {
        came();
        resolve();
      });
      this.#session.once('close', () => reject(this.lost(undefined)));
    });
    // A connection that nobody waits for any more may fail in silence.
    promise.catch(() => {});
    return promise;
  }

  /** Whether another call may begin here. */
  get usable(): boolean {
    return !this.#retired && this.#resets < USED_UP && this.#resets + this.#open < BUDGET;
  }

  /** Whether no call will begin here any more. */
  get retired(): boolean {
    return this.#retired;
  }

  get idle(): boolean {
    return this.#open === 0;
  }

  /** The connection is gone, and with it whatever was under way. */
  get dead(): boolean {
    return this.#session.destroyed;
  }

  /** Counts a call in. */
  take(): void {
    if (this.#open++ > 0) return;
    this.#session.ref();
    if (this.connected) this.#heartbeat.run(true);
  }

  /** An answer has come: the peer is there. */
  heard(): void {
    this.#heartbeat.heard();
  }

  /** Counts a call out. @param reset it was given up with RST_STREAM */
  release(reset: boolean): void {
    this.#open--;
    if (reset) this.#resets++;
    if (this.#resets >= USED_UP) this.#retired = true;
    if (this.#open > 0) return;
    this.#session.unref();
    this.#heartbeat.run(false);
    if (this.#retired) this.#session.close();
  }

  /** Takes no new calls; ends when its last one has. */
  retire(): void {
    this.#retired = true;
    if (this.#open === 0) this.#session.close();
  }

  /** Whether the peer takes another stream now. */
  get room(): boolean {
    return this.#streams < this.#limit;
  }

  /** @throws where Node knows already that the session takes no streams */
  request(headers: OutgoingHttpHeaders): ClientHttp2Stream {
    const stream = this.#session.request(headers);
    this.#streams++;
    return stream;
  }

  /** A stream has closed. */
  freed(): void {
    this.#streams--;
    if (this.#waiting.size > 0) this.#call();
  }

  /** Has `call` called when it may go on. */
  wait(call: Waiting): void {
    this.#waiting.add(call);
  }

  forget(call: Waiting): void {
    this.#waiting.delete(call);
  }

  #call(): void {
    for (const call of this.#waiting) {
      if (!(this.room || this.ending)) return;
      this.#waiting.delete(call);
      call.called(this);
    }
  }

  #end(): void {
    this.#retired = true;
    this.ending = true;
    this.#call();
  }

  /** Resolves when the connection is closed. */
  gone(): Promise<void> {
    return new Promise((resolve) => {
      if (this.#session.destroyed) resolve();
      else this.#session.once('close', resolve);
    });
  }

  /** Ends a connection that is good for nothing; the socket has nobody at its other end who would read a farewell. */
  #giveUp(code: string): void {
    const why = code === 'ETIMEDOUT' ? 'did not come about in time' : 'has a peer that does not answer';
    this.#session.destroy(Object.assign(new Error(`The connection to ${this.origin} ${why}.`), { code }));
  }

  /** The error of a call whose connection is gone. @param streamId undefined: it had no stream yet */
  lost(streamId: number | undefined): RpcError {
    const unseen = streamId === undefined || streamId > this.#lastStreamId;
    const options = { reason: 'PEER_CLOSED', neverProcessed: unseen, cause: this.#error } as const;
    const why = this.#error?.code ?? 'it was closed';
    return new RpcError('unavailable', `The connection to ${this.origin} failed: ${why}.`, options);
  }
}
