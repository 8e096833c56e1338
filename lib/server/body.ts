// The two ways to read a request's body, and what becomes of one that nobody wants.
import type { Readable } from 'node:stream';
import { type CancellationToken, clock, type Registration } from '../core/index.ts';
import { BodyTooLargeError, Inflow } from '../wire/index.ts';

/**
 * The whole body, as one array. Rejects with BodyTooLargeError past `limit` and stops reading there; rejects with the
 * token's error when the request is cancelled first, and with an Error when the body broke off.
 */
export function collect(incoming: Readable, limit: number, token: CancellationToken): Promise<Uint8Array> {
  // Asked after the exchange: none of the events below will come.
  if (incoming.destroyed) return Promise.reject(token.error ?? brokeOff());
  // An empty body that HTTP/2 has ended in a frame of its own has said so already.
  if (incoming.readableEnded) return Promise.resolve(new Uint8Array(0));
  return new Promise((resolve, reject) => new Collection(incoming, limit, resolve, reject).begin(token));
}

const kBody = Symbol('nevermind.body');
type Collected = Readable & { [kBody]?: Collection | undefined };

/**
 * A body on its way. The listeners are shared, and stay, as to take them off costs more than they do; what is over, the incoming
 * side lets go of, or a call that is held would weigh a third more.
 */
class Collection {
  readonly #incoming: Collected;
  readonly #limit: number;
  readonly #resolve: (body: Uint8Array) => void;
  readonly #reject: (error: unknown) => void;
  readonly #chunks: Uint8Array[] = [];
  #size = 0;
  #registration: Registration | undefined;

  constructor(
    incoming: Collected,
    limit: number,
    resolve: (body: Uint8Array) => void,
    reject: (error: unknown) => void,
  ) {
    this.#incoming = incoming;
    this.#limit = limit;
    this.#resolve = resolve;
    this.#reject = reject;
  }

  begin(token: CancellationToken): void {
    this.#incoming[kBody] = this;
    this.#incoming.on('data', onData).on('end', onEnd).on('close', onClose);
    // Ends it at once when the token is cancelled already, before there is a registration.
    this.#registration = token.onCancel(this);
  }

  take(chunk: Uint8Array): void {
    this.#size += chunk.length;
    this.#chunks.push(chunk);
    if (this.#size <= this.#limit) return;
    this.#incoming.pause();
    this.fail(new BodyTooLargeError(this.#limit));
  }

  end(): void {
    this.#over();
    const [first] = this.#chunks;
    this.#resolve(this.#chunks.length === 1 && first !== undefined ? first : Buffer.concat(this.#chunks, this.#size));
  }

  fail(error: unknown): void {
    this.#over();
    this.#reject(error);
  }

  onCancelled({ error }: CancellationToken): void {
    this.fail(error);
  }

  #over(): void {
    this.#incoming[kBody] = undefined;
    this.#registration?.unregister();
  }
}

function onData(this: Collected, chunk: Uint8Array): void {
  this[kBody]?.take(chunk);
}

function onEnd(this: Collected): void {
  this[kBody]?.end();
}

function onClose(this: Collected): void {
  this[kBody]?.fail(brokeOff());
}

/**
 * The body as a web stream, read from the socket only as fast as it is read here. Ends with BodyTooLargeError past `limit`,
 * with the token's error when the request is cancelled.
 */
export function streamOf(incoming: Readable, limit: number, token: CancellationToken): ReadableStream<Uint8Array> {
  let size = 0;
  let over = false;
  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const fail = (error: Error) => {
          if (over) return;
          over = true;
          incoming.pause();
          controller.error(error);
        };
        if (incoming.destroyed) return fail(token.error ?? brokeOff());
        if (incoming.readableEnded) return controller.close();
        const registration = token.onCancel(fail);
        incoming.on('data', (chunk: Uint8Array) => {
          if (over) return;
          size += chunk.length;
          if (size > limit) return fail(new BodyTooLargeError(limit));
          controller.enqueue(chunk);
          if ((controller.desiredSize ?? 0) <= 0) incoming.pause();
        });
        incoming.once('end', () => {
          registration.unregister();
          if (!over) controller.close();
          over = true;
        });
        incoming.once('close', () => fail(brokeOff()));
        incoming.pause();
      },
      pull: () => void incoming.resume(),
      cancel() {
        over = true;
        incoming.pause();
      },
    },
    { highWaterMark: 0 },
  );
}

/** The body in pieces, at the reader's pace. Fails with the error of `token`, and when the body broke off. */
export function chunksOf(incoming: Readable, token: CancellationToken): Inflow {
  const stop = () => {
    incoming.off('data', onData).off('end', onEnd).off('close', onClose).pause();
    registration?.unregister();
  };
  const inflow = new Inflow({ pause: () => incoming.pause(), resume: () => incoming.resume(), left: stop });
  const onData = (chunk: Uint8Array) => inflow.push(chunk);
  const onEnd = () => {
    stop();
    inflow.end();
  };
  const onClose = () => {
    stop();
    inflow.fail(token.error ?? brokeOff());
  };
  let registration: Registration | undefined;
  if (incoming.destroyed) inflow.fail(token.error ?? brokeOff());
  else if (incoming.readableEnded) inflow.end();
  else {
    incoming.on('data', onData).on('end', onEnd).on('close', onClose).pause();
    // Runs at once when the token is cancelled already, before there is a registration.
    registration = token.onCancel((error) => {
      stop();
      inflow.fail(error);
    });
  }
  return inflow;
}

const LINGER_BYTES = 1 << 20;
const LINGER_MS = 1_000;

/**
 * Throws away what still comes of a body, within bounds, then calls `done` once. Closing a connection with bytes unread makes
 * TCP reset it, which may destroy the response on its way to the peer.
 */
export function discard(incoming: Readable, done: () => unknown): void {
  let left = LINGER_BYTES;
  const finish = () => {
    incoming.off('data', onData).off('end', finish).off('close', finish);
    disarm();
    done();
  };
  const onData = (chunk: Uint8Array) => {
    left -= chunk.length;
    if (left < 0) finish();
  };
  const disarm = clock.after(LINGER_MS, finish);
  incoming.on('data', onData).on('end', finish).on('close', finish).resume();
}

function brokeOff(): Error {
  return new Error('The request body broke off before its end.');
}
