// Watching a response, so that its call can let go of tokens and signals when the body has settled.
//
// The platform does not tell. So the methods that read a body are watched, on the very Response that fetch made: one prototype
// is put between it and its class. A Response of our own would lose `url`, `redirected` and `type`, and a Proxy is no Response
// to those who look inside.
//
// Invariants
// 1. `response.body` is one stream, always the same. It takes hold of the platform's only when it is first read, so that looking
//    at it forbids neither `text()` nor `clone()`.
// 2. It is a byte stream only over a byte stream. Such a one takes the memory of its chunks over, which is nobody else's only where
//    another has done so before: a default stream may bring pieces of a pool, or what its source goes on using.
import { withCancelCode } from './cancel-code.ts';
import { Passage, type Share } from './passage.ts';

type Stream = ReadableStream<Uint8Array>;

/** A constructor that hands back the object it is given: a subclass's private fields are put onto that very object. */
function returned(object: object): object {
  return object;
}
const Returned = returned as unknown as new (object: object) => object;

/** What is known of a response, in private fields of its own: a WeakMap costs several times as much. */
class Watch extends Returned {
  readonly #share: Share;
  /** What `body` was handed out as. */
  #view: Stream | undefined;

  constructor(response: Response, share: Share) {
    super(response);
    this.#share = share;
    this.#view = undefined;
  }

  static share(response: Response): Share | undefined {
    return #share in response ? (response as unknown as Watch).#share : undefined;
  }

  static view(response: Response): Stream | undefined {
    return (response as unknown as Watch).#view;
  }

  static setView(response: Response, view: Stream): void {
    (response as unknown as Watch).#view = view;
  }
}

const watchedPrototypes = new WeakMap<object, object>();

/**
 * Calls `over` when nothing more will come of the response's body; at once when it has none.
 *
 * @param signal the one that the request was sent with
 * @returns the same response
 */
export function watchBody(response: Response, signal: AbortSignal, over: () => void): Response {
  const share = response.body ? (Watch.share(response) ?? watch(response, new Passage(signal))) : undefined;
  if (share === undefined) over();
  else share.passage.whenOver(over);
  return response;
}

function watch(response: Response, passage: Passage): Share | undefined {
  if (!Object.isExtensible(response)) return undefined;
  const plain = Object.getPrototypeOf(response) as Response;
  let watched = watchedPrototypes.get(plain);
  if (watched === undefined) {
    watched = watchedPrototype(plain);
    watchedPrototypes.set(plain, watched);
  }
  const share = passage.share(response);
  // In this order: the other way round was measured to cost twice as much.
  new Watch(response, share);
  Object.setPrototypeOf(response, watched);
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
  if (Watch.view(response)?.locked) throw busy();
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
  if (Watch.view(response)?.locked) throw busy();
  const copy = Reflect.apply(method, response, []);
  watch(copy, shareOf(response).passage);
  return copy;
}

/** Whoever has the watched prototype has a share. */
function shareOf(response: Response): Share {
  return Watch.share(response) as Share;
}

function busy(): TypeError {
  return new TypeError('Body is unusable: its `body` is locked to a reader.');
}

/** @param plain the platform's stream; asked again when the view is first read, as a `clone()` replaces it */
function viewOf(response: Response, plain: () => Stream | null): Stream | null {
  const known = Watch.view(response);
  if (known !== undefined) return known;
  const body = plain();
  // A fetch that is not the platform's may have another kind of stream: it is handed out as it is.
  if (response.bodyUsed || typeof body?.getReader !== 'function') return body;
  const view = passThrough(shareOf(response), plain as () => Stream, isBytes(body) ? 'bytes' : undefined);
  Watch.setView(response, view);
  return view;
}

/** Of a class that stands in for the platform's it can't be told. To ask so neither reads nor locks. */
function isBytes(stream: Stream): boolean {
  if (!(stream instanceof ReadableStream)) return false;
  try {
    stream.getReader({ mode: 'byob' }).releaseLock();
    return true;
  } catch {
    return false;
  }
}

function passThrough(share: Share, plain: () => Stream, type: 'bytes' | undefined): Stream {
  let reader: ReadableStreamDefaultReader<Uint8Array> | undefined;
  const source = {
    type,
    async pull(controller: ReadableByteStreamController): Promise<void> {
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
    cancel(reason: unknown): Promise<void> {
      share.drop();
      return withCancelCode(() => (reader ?? plain()).cancel(reason));
    },
  };
  // Nothing is taken before it is asked for: a response that nobody reads keeps its peer waiting, as it should.
  return new ReadableStream(source as UnderlyingByteSource, { highWaterMark: 0 });
}
