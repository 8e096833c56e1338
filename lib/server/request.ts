import type { IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { CancellationSource, type CancellationToken, type CancelReason, ringDue } from '../core/index.ts';
import { isLost, keepWatcher, type Watcher, watcherOf, watchResponse, watchStream } from './peer.ts';

/** One source for each request; closed when the exchange is over, so that nothing comes after success. */
export class Followed implements Watcher {
  readonly source: CancellationSource = new CancellationSource();
  /** Whoever answers in the handler's place. */
  visit: { left(): void; over(): void } | undefined;
  over = false;
  readonly #outgoing: { readonly writableEnded: boolean };

  constructor(outgoing: { readonly writableEnded: boolean }) {
    this.#outgoing = outgoing;
  }

  closed(reason: CancelReason): void {
    if (this.over) return;
    // `writableEnded`, not `writableFinished`: once the response is queued, the peer's leaving concerns nobody's work.
    if (!this.#outgoing.writableEnded) {
      // A deadline below this token that has passed is heard first, also where its timer has yet to say so.
      ringDue();
      const { cancelled, canBeCancelled } = this.source.token;
      // First: what a callback writes to the response then is too late.
      if (canBeCancelled && !cancelled) this.visit?.left();
      this.source.cancel(reason);
    }
    this.end();
  }

  /** Nothing comes any more. */
  end(): void {
    this.over = true;
    this.source.close();
    this.visit?.over();
  }
}

/**
 * The token of a request on a server that exists already: cancelled when the peer leaves before the response was ended.
 *
 * Over HTTP/1.1 that is `PEER_CLOSED`; over HTTP/2 it is `CANCELLED` for a reset on a live session, `PEER_CLOSED` when the
 * connection is gone. The same request has one token, however often it is asked for, also after the peer has left. Once the
 * response is ended nothing cancels it any more. It has no deadline, does not follow a shutdown, and answers nothing itself:
 * `serve` and the adapters do these. Works on node:http, on node:http2's compatibility API, and under any framework that hands
 * both out.
 *
 * @param req the request as node:http or node:http2 gave it
 * @param res its response
 * @throws TypeError when one of them is something else
 */
export function tokenOf(
  req: IncomingMessage | Http2ServerRequest,
  res: ServerResponse | Http2ServerResponse,
): CancellationToken {
  return follow(req, res).source.token;
}

/** Follows the exchange; the one that does so already, where it was asked before. @throws TypeError as {@link tokenOf} does */
export function follow(req: IncomingMessage | Http2ServerRequest, res: ServerResponse | Http2ServerResponse): Followed {
  const before = res && watcherOf(res);
  if (before instanceof Followed) return before;
  if (typeof req !== 'object' || typeof res !== 'object' || req === null || res === null || !('socket' in req)) {
    throw new TypeError(
      'Expected `req` and `res` to be the request and response that a node:http or node:http2 server gave its handler.',
    );
  }
  const made = 'stream' in res ? followStream(res) : followResponse(req as IncomingMessage, res as ServerResponse);
  keepWatcher(res, made);
  return made;
}

// Asked late, an exchange that is over will not say so again: its state is read instead. A stream that has closed knows its
// session no more, so that a reset can't be told from a lost connection then; the peer has gone either way.

function followStream(res: Http2ServerResponse): Followed {
  const { stream } = res;
  const made = new Followed(res);
  if (stream.aborted) made.closed(isLost(stream.session) ? 'PEER_CLOSED' : 'CANCELLED');
  else if (res.writableEnded || stream.destroyed) made.end();
  else watchStream(stream, made);
  return made;
}

function followResponse(req: IncomingMessage, res: ServerResponse): Followed {
  const made = new Followed(res);
  if (res.writableEnded) made.end();
  else if (req.socket.destroyed) made.closed('PEER_CLOSED');
  else watchResponse(res, req.socket, made);
  return made;
}

/** Whether nothing can be written to a response any more. A stream that was reset is closed some time before it is destroyed. */
export function isGone(res: ServerResponse | Http2ServerResponse): boolean {
  return 'stream' in res ? res.stream.closed || res.stream.destroyed : res.destroyed;
}
