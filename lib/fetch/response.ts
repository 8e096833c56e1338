// Knowing when a response's body has settled, so that its call can let go of tokens and signals.
//
// The platform does not tell. So the methods that read a body are watched, on the very Response that fetch made: one prototype
// is put between it and its class. A Response of our own would lose `url`, `redirected` and `type`, and a Proxy is no Response
// to those who look inside.
//
// Invariants
// 1. A body is over when one of those who share it has come to its end or its error, or when all of them have dropped it.
//    Where one of two clones has read to the end, nothing is left on the wire that could be aborted for the other.
// 2. `response.body` is one stream, always the same. It takes hold of the platform's only when it is first read, so that
//    looking at it forbids neither `text()` nor `clone()`.
// 3. Who drops a response without a word drops its body when it is collected; nothing here keeps a response alive.
import { withCancelCode } from './cancel-code.ts';

type Stream = ReadableStream<Uint8Array>;

/** A body on its way, shared by a response and its clones. */
class Passage {
  readonly #signal: AbortSignal;
  /** Who waits for the end; several where one watched fetch wraps another. */
  readonly #waiting: (() => void)[] = [];
  #shares = 0;

  constructor(signal: AbortSignal) {
    this.#signal = signal;
  }

  whenOver(over: () => void): void {
    this.#waiting.push(over);
  }

  share(): Share {
    this.#shares++;
    return new Share(this);
  }

  drop(): void {
    if (--this.#shares === 0) this.end();
  }

  end(): void {
    for (const over of this.#waiting.splice(0)) over();
  }

  /** @returns what to say of it: Node 20 has an AbortError of its own for a body that was aborted before it was read */
  fail(error: unknown): unknown {
    this.end();
    return this.#signal.aborted ? this.#signal.reason : error;
  }
}

/** What one response has of a body. Held until the response is collected, so it must not know it. */
class Share {
  readonly passage: Passage;
  #dropped = false;

  constructor(passage: Passage) {
    this.passage = passage;
  }

  drop(): void {
    if (this.#dropped) return;
    this.#dropped = true;
    this.passage.drop();
  }
}

const shares = new WeakMap<Response, Share>();
/** What `response.body` has been handed out as. */
const views = new WeakMap<Response, Stream>();
const collected = new FinalizationRegistry<Share>((share) => share.drop());
const watchedPrototypes = new WeakMap<object, object>();

/**
 * Calls `over` when nothing more will come of the response's body; at once when it has none.
 *
 * @param signal the one that the request was sent with
 * @returns the same response
 */
export function watchBody(response: Response, signal: AbortSignal, over: () => void): Response {
  const share = response.body ? (shares.get(response) ?? watch(response, new Passage(signal))) : undefined;
  if (share === undefined) over();
  else share.passage.whenOver(over);
  return response;
}

function watch(response: Response, passage: Passage): Share | undefined {
  const plain = Object.getPrototypeOf(response) as Response;
  let watched = watchedPrototypes.get(plain);
  if (watched === undefined) {
    watched = watchedPrototype(plain);
    watchedPrototypes.set(plain, watched);
  }
  if (!Reflect.setPrototypeOf(response, watched)) return undefined;
  const share = passage.share();
  shares.set(response, share);
  collected.register(response, share);
  return share;
}

const READERS = ['arrayBuffer', 'blob', 'bytes', 'formData', 'json', 'text'] as const;

function watchedPrototype(plain: Response): object {
  const methods = READERS.filter((name) => name in plain).map((name) => [
    name,
    {
      value(this: Response): Promise<unknown> {
        return read(this, plain[name]);
      },
    },
  ]);
  return Object.create(plain, {
    ...Object.fromEntries(methods),
    clone: {
      value(this: Response): Response {
        return clone(this, plain.clone);
      },
    },
    body: {
      get(this: Response): Stream | null {
        return viewOf(this, () => Reflect.get(plain, 'body', this));
      },
    },
  });
}

async function read(response: Response, method: () => Promise<unknown>): Promise<unknown> {
  if (views.get(response)?.locked) throw busy();
  // Of a body that is used up already the platform says so, and it is not this call that ends it.
  if (response.bodyUsed) return await Reflect.apply(method, response, []);
  const { passage } = shareOf(response);
  try {
    const content = await Reflect.apply(method, response, []);
    passage.end();
    return content;
  } catch (error) {
    throw passage.fail(error);
  }
}

function clone(response: Response, method: () => Response): Response {
  if (views.get(response)?.locked) throw busy();
  const copy = Reflect.apply(method, response, []);
  watch(copy, shareOf(response).passage);
  return copy;
}

/** Whoever has the watched prototype has a share. */
function shareOf(response: Response): Share {
  return shares.get(response) as Share;
}

function busy(): TypeError {
  return new TypeError('Body is unusable: its `body` is locked to a reader.');
}

/** @param plain the platform's stream; asked again when the view is first read, as a `clone()` replaces it */
function viewOf(response: Response, plain: () => Stream | null): Stream | null {
  const known = views.get(response);
  if (known !== undefined) return known;
  const body = plain();
  // A fetch that is not the platform's may have another kind of stream: it is handed out as it is.
  if (response.bodyUsed || typeof body?.getReader !== 'function') return body;
  const view = passThrough(shareOf(response), plain as () => Stream);
  views.set(response, view);
  return view;
}

function passThrough(share: Share, plain: () => Stream): Stream {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const source: UnderlyingByteSource = {
    type: 'bytes',
    async pull(controller) {
      try {
        reader ??= plain().getReader();
        const { done, value } = await reader.read();
        if (!done) return controller.enqueue(value as Uint8Array<ArrayBuffer>);
      } catch (error) {
        throw share.passage.fail(error);
      }
      share.passage.end();
      controller.close();
      controller.byobRequest?.respond(0);
    },
    cancel(reason) {
      share.drop();
      return withCancelCode(() => (reader ?? plain()).cancel(reason));
    },
  };
  // Nothing is taken before it is asked for: a response that nobody reads keeps its peer waiting, as it should.
  return new ReadableStream(source, { highWaterMark: 0 });
}
