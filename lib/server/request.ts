import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { CancellationSource, type CancellationToken, type CancelReason, ringDue } from '../core/index.ts';
import { isLost, type Watcher, watchResponse, watchStream } from './peer.ts';

/** One source for each request; closed when the exchange is over, so that nothing comes after success. */
class RequestSource implements Watcher {
  readonly source = new CancellationSource();
  readonly #outgoing: { readonly writableEnded: boolean };

  constructor(outgoing: { readonly writableEnded: boolean }) {
    this.#outgoing = outgoing;
  }

  closed(reason: CancelReason): void {
    // `writableEnded`, not `writableFinished`: once the response is queued, the peer's leaving concerns nobody's work.
    if (!this.#outgoing.writableEnded) {
      // A deadline below this token that has passed is heard first, also where its timer has yet to say so.
      ringDue();
      this.source.cancel(reason);
    }
    this.source.close();
  }
}

const known = new WeakMap<object, CancellationToken>();

/**
 * The token of a request on a server that exists already: cancelled when the peer leaves before the response was ended.
 *
 * Over HTTP/1.1 that is `PEER_CLOSED`; over HTTP/2 it is `CANCELLED` for a reset on a live session, `PEER_CLOSED` when the
 * connection is gone. The same request has one token, however often it is asked for, also after the peer has left. Once the
 * response is ended nothing cancels it any more. It has no deadline, does not follow a shutdown, and answers nothing itself:
 * `serve` does these. Works on node:http, on node:http2's compatibility API, and under any framework that hands both out.
 *
 * @param req the request as node:http or node:http2 gave it
 * @param res its response
 * @throws TypeError when one of them is something else
 */
export function tokenOf(
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
): CancellationToken {
  const token = known.get(res);
  if (token !== undefined) return token;
  if (typeof req !== 'object' || typeof res !== 'object' || req === null || res === null || !('socket' in req)) {
    throw new TypeError(
      'Expected `req` and `res` to be the request and response that a node:http or node:http2 server gave its handler.',
    );
  }
  const followed = 'stream' in res ? followStream(res) : followResponse(req as IncomingMessage, res as ServerResponse);
  known.set(res, followed.source.token);
  return followed.source.token;
}

// Asked late, an exchange that is over will not say so again: its state is read instead. A stream that has closed knows its
// session no more, so that a reset can't be told from a lost connection then; the peer has gone either way.

function followStream(res: Http2ServerResponse): RequestSource {
  const { stream } = res;
  const followed = new RequestSource(res);
  if (stream.aborted) followed.source.cancel(isLost(stream.session) ? 'PEER_CLOSED' : 'CANCELLED');
  else if (res.writableEnded || stream.destroyed) followed.source.close();
  else watchStream(stream, followed);
  return followed;
}

function followResponse(req: IncomingMessage, res: ServerResponse): RequestSource {
  const followed = new RequestSource(res);
  if (res.writableEnded) followed.source.close();
  else if (req.socket.destroyed) followed.closed('PEER_CLOSED');
  else watchResponse(res, req.socket, followed);
  return followed;
}
