// The entry of a service process: one hop of the chain, with a port of its own.
import { serve } from '../server/index.ts';
import { type Carrier, carrierOf, servingOf, type Wire } from './carrier.ts';
import { type HopSettings, HopWork, hopHandler, webHopHandler } from './hop.ts';
import type { FromHop, ToHop } from './messages.ts';
import { followParent } from './parent.ts';

let next: Carrier | undefined;
let wire: Wire | undefined;

const tell = followParent<ToHop, FromHop>(async (message) => {
  if ('settings' in message) {
    wire = message.settings.wire;
    tell({ url: await listen(message.settings, wire) });
  } else {
    if (message.next !== null && wire !== undefined) next = carrierOf(message.next, wire);
    tell({ ready: true });
  }
});

async function listen(settings: HopSettings, wire: Wire): Promise<string> {
  const work = new HopWork(
    settings,
    () => next,
    (visit) => tell({ visit }),
  );
  const handler = wire.transport === 'fetch' ? webHopHandler(work) : hopHandler(work);
  // SIGTERM is what a rolling deployment sends; work in flight gets no grace here, so that it hears of it at once.
  const server = await serve(handler, {
    ...servingOf(wire),
    port: settings.port,
    signals: ['SIGTERM'],
    drain: { graceMs: 0, timeoutMs: 1_000 },
  });
  return server.url.origin;
}
