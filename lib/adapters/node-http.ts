// node:http and node:http2 (its compatibility API): a listener under tokens.

import { type CancellationToken, expected } from '../core/index.ts';
import {
  type DrainReport,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
} from '../server/index.ts';

/** Wraps a listener; the same one may wrap several. */
export interface NodeCancellation {
  <Req extends NodeRequest, Res extends NodeResponse>(
    listener: (req: Req, res: Res) => unknown,
  ): (req: Req, res: Res) => void;
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
}

/**
 * Puts the listener of a node:http or node:http2 server under tokens.
 *
 *     const cancelling = cancellation({ handlerTimeoutMs: 5_000 });
 *     const server = http.createServer(cancelling((req, res) => answer(res, tokenOf(req))));
 *     process.once('SIGTERM', () => cancelling.drain({ server }));
 *
 * Each request has a token ({@link tokenOf}), which is the current one while the listener runs. It is cancelled when the peer
 * leaves before the response was ended (`PEER_CLOSED`), resets its stream (`CANCELLED`), at a deadline (`TIMEOUT`: the caller's
 * `connect-timeout-ms` and the limits of `options`, answered with 504) and on a drain (`SHUTDOWN`: 503); never after success.
 *
 * A promise that the listener returns may be rejected with the request's own cancel: that is answered for. Anything else that it
 * throws is passed on, which for node:http is an uncaught error as before.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): NodeCancellation {
  const reception = new Reception(options);
  const wrap = (listener: Listener): Listener => {
    if (typeof listener !== 'function') throw new TypeError(expected('listener', 'a function (req, res)', listener));
    if (wrapped.has(listener)) throw Reception.twice();
    const under: Listener = (req, res) => reception.admit(req, res)?.handle(() => listener(req, res));
    wrapped.add(under);
    return under;
  };
  return Object.assign(wrap, { drain: reception.drain.bind(reception) }) as NodeCancellation;
}

/** Found out here, as what is thrown while a request comes in ends the process. */
const wrapped = new WeakSet<Listener>();

type Listener = (req: NodeRequest, res: NodeResponse) => unknown;

/** The token of a request. @throws TypeError for a request that did not come through {@link cancellation} */
export function tokenOf(req: NodeRequest): CancellationToken {
  return Reception.tokenOf(req, 'req', 'http.createServer(cancellation()(listener)).');
}
