// How each protocol says that the other side is gone. Measured on Node 20 to 26; the specs of this file are the proof.
//
// Invariants
// 1. A watcher hears `closed` at least once, and before any other event of that exchange is delivered to later listeners.
// 2. HTTP/2: 'aborted' is the signal, never 'finish' or `writableFinished`, which mean the opposite there after a reset.
//    The reset code says nothing about why: undici sends 0, a dead socket reads as 8. The socket's state does.
// 3. HTTP/1.1: cancel and death look the same, and 'close' of the request comes after every body that was read. Only the
//    response tells; on Node 20 a second pipelined response is told nothing, hence the watch on the socket.
// 4. 'end' of a request's body does not prove that it is whole.
import type { ServerResponse } from 'node:http';
import type { Http2Session, ServerHttp2Stream } from 'node:http2';
import type { Socket } from 'node:net';
import type { TLSSocket } from 'node:tls';
import type { CancelReason } from '../core/index.ts';

/** What follows one exchange. `closed` may come more than once; only the first can mean something. */
export interface Watcher {
  /** The connection's side of the exchange is over; `reason` is why, for whoever has not queued the response yet. */
  closed(reason: CancelReason): void;
}

const watcher = Symbol('nevermind.watcher');
const session = Symbol('nevermind.session');
const connection = Symbol('nevermind.connection');
const pipeline = Symbol('nevermind.pipeline');

type Watched<T> = T & { [watcher]: Watcher };
/** A stream that has closed knows its session no more. */
type WatchedStream = Watched<ServerHttp2Stream> & {
  [session]: Http2Session | undefined;
  [connection]: Alive | undefined;
};
type Alive = { readonly destroyed: boolean };

/** Who follows a response. On itself: a WeakMap costs a request as much as all of node:http does, in garbage collections. */
export function watcherOf(response: object): Watcher | undefined {
  return (response as Partial<Watched<object>>)[watcher];
}

export function keepWatcher(response: object, following: Watcher): void {
  (response as Watched<object>)[watcher] = following;
}

/**
 * Follows an HTTP/2 stream on the server's side. The listeners are shared: one closure less for each request.
 *
 * @param socket of the session, where it is at hand: the session's own is a Proxy, and to ask it takes a tenth of a request
 */
export function watchStream(stream: ServerHttp2Stream, following: Watcher, socket?: Socket): void {
  const watched = stream as WatchedStream;
  watched[watcher] = following;
  watched[session] = stream.session;
  watched[connection] = socket;
  // Before the listeners of the compatibility API, which has made its request already.
  stream.prependListener('aborted', onStreamOver);
  // Says the same where 'aborted' is not given: Node ends the response to a HEAD before anybody answers, and takes it for whole.
  stream.on('close', onStreamClose);
  // A reset with a code other than 0 and 8 comes with an 'error', which would end the process if nobody listened.
  stream.on('error', ignore);
}

function onStreamOver(this: unknown): void {
  const stream = this as WatchedStream;
  stream[watcher].closed(isLost(stream[session], stream[connection]) ? 'PEER_CLOSED' : 'CANCELLED');
}

/**
 * Lets go of all that followed the stream. Its handle keeps the stream itself until the next full collection, and would keep that
 * too: a third of what a server has to move about in each small one.
 */
function onStreamClose(this: unknown): void {
  const stream = this as WatchedStream;
  onStreamOver.call(stream);
  stream[watcher] = NOBODY;
  stream[session] = stream[connection] = undefined;
}

const NOBODY: Watcher = { closed() {} };

/** Whether the connection is gone, and not only one stream of it. */
export function isLost(session: Http2Session | undefined, socket?: Alive): boolean {
  return session === undefined || session.destroyed || (socket ?? session.socket).destroyed;
}

/** Follows an HTTP/1.1 response. Writing to a peer that has left is no 'error' there: nobody has to listen for one. */
export function watchResponse(response: ServerResponse, socket: Socket, following: Watcher): void {
  keepWatcher(response, following);
  response.on('close', onResponseClose);
  pipelineOf(socket).push(following);
}

function onResponseClose(this: unknown): void {
  const response = this as Watched<ServerResponse>;
  const following = response[watcher];
  if (response.req.socket) leave(pipelineOf(response.req.socket), following);
  following.closed('PEER_CLOSED');
}

/** The exchanges under way on one HTTP/1.1 connection: Node starts pipelined requests without waiting for the one before. */
function pipelineOf(socket: Socket & { [pipeline]?: Watcher[] }): Watcher[] {
  const known = socket[pipeline];
  if (known !== undefined) return known;
  const watchers: Watcher[] = [];
  socket[pipeline] = watchers;
  socket.once('close', () => {
    for (const following of watchers.splice(0)) following.closed('PEER_CLOSED');
  });
  return watchers;
}

/** A list, and not a Set, as nearly always there is but one. */
function leave(watchers: Watcher[], following: Watcher): void {
  if (watchers[0] === following) watchers.shift();
  else if (watchers.includes(following)) watchers.splice(watchers.indexOf(following), 1);
}

function ignore(): void {}

/** Who sent a request. */
export interface Peer {
  readonly address: string | undefined;
  readonly port: number | undefined;
  /** True over TLS. */
  readonly encrypted: boolean;
}

export function peerOf(socket: Socket): Peer {
  return {
    address: socket.remoteAddress,
    port: socket.remotePort,
    encrypted: (socket as TLSSocket).encrypted === true,
  };
}
