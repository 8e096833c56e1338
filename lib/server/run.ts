// What becomes of a call that was let in: whatever its handler is, it is started under the call's token.
import { runWithToken } from '../ambient.ts';
import { CancellationToken, runAsCurrent } from '../core/index.ts';
import { type ExchangeHandler, exchangeHandler } from '../wire/index.ts';
import { answerError } from './answer.ts';
import type { Call } from './call.ts';
import { runDirectHandler } from './direct-handler.ts';
import { LateBodies } from './late-bodies.ts';
import type { Settings } from './settings.ts';
import { runWebHandler, type WebHandler } from './web-handler.ts';

/** A web handler, and what takes exchanges in its place where it has such a form. */
export type Handler = WebHandler & { readonly [exchangeHandler]?: ExchangeHandler };

/** @returns what starts a call */
export function runner(handler: Handler, settings: Settings): (call: Call) => void {
  // A handler that takes the exchange makes its own token current, where there is a storage for it.
  if (settings.fromAmbient) runWithToken(CancellationToken.none, () => {});
  const direct = handler[exchangeHandler];
  const run =
    direct === undefined ? webRunner(handler, settings) : (call: Call) => runDirectHandler(direct, call, settings);
  const bodies = new LateBodies(settings.bodyTimeoutMs);
  return (call) => {
    if (call.hasBody) bodies.expect(call);
    if (call.method !== 'CONNECT') return run(call);
    answerError(call, 'unimplemented', 'This server is no proxy.');
    call.handlerEnded();
  };
}

function webRunner(handler: WebHandler, settings: Settings): (call: Call) => void {
  const run = (call: Call) => runWebHandler(handler, call, settings);
  return settings.fromAmbient ? (call) => runAsCurrent(call.token, () => run(call)) : run;
}
