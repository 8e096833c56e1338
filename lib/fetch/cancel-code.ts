// Aborting a request so that its peer, over HTTP/2, is sent RST_STREAM with the code CANCEL.
//
// undici 8, which is Node 26's own fetch, aborts an HTTP/2 request with `stream.close()` and `stream.destroy()`: the code is
// NO_ERROR, and node:http2 puts off a NO_ERROR until the request's body has been sent, which the destroyed stream never does.
// With the end of a body still unsent (before the next flush, or for as long as flow control holds it back) the session then
// writes empty DATA frames for ever: the process hangs and grows until it is killed. No moment is safe, but every other code
// is. So while an abort runs, which is synchronous, `close()` without a code means CANCEL, as RFC 9113 asks of a client that
// is no longer interested. docs/undici-http2.md has the experiment.
import { RST_CANCEL } from '../wire/index.ts';

interface Closable {
  close(code?: number, callback?: () => void): void;
}

interface Channels {
  subscribe(name: string, listener: (message: { stream: object }) => void): void;
  unsubscribe(name: string, listener: (message: { stream: object }) => void): void;
}
type Host = { process?: { getBuiltinModule?(name: string): Channels } };

/** What client streams inherit `close` from; known as soon as there is one, and not before: until then nothing is at stake. */
let streams: Closable | undefined;
let watching = false;

/** Starts to wait for the first HTTP/2 stream of this process. To be called before the requests that may be aborted. */
export function expectStreams(): void {
  // Only Node has node:http2 and undici. It tells of streams since 22.17, and undici 8 does not run on less.
  const channels = (globalThis as Host).process?.getBuiltinModule?.('diagnostics_channel');
  if (watching || channels === undefined) return;
  watching = true;
  const created = 'http2.client.stream.created';
  const listener = ({ stream }: { stream: object }): void => {
    streams = ownerOf('close', stream);
    channels.unsubscribe(created, listener);
  };
  channels.subscribe(created, listener);
}

function ownerOf(method: 'close', object: object): Closable | undefined {
  let owner: object | null = object;
  while (owner !== null && !Object.hasOwn(owner, method)) owner = Object.getPrototypeOf(owner);
  return owner as Closable | undefined;
}

/** Calls `abort`, which may break off HTTP/2 streams before it returns. @returns what it returns */
export function withCancelCode<T>(abort: () => T): T {
  if (streams === undefined) return abort();
  const { close } = streams;
  streams.close = function (code, callback) {
    close.call(this, code ?? RST_CANCEL, callback);
  };
  try {
    return abort();
  } finally {
    streams.close = close;
  }
}
