// The entry of a service process: one hop of the chain, with a port of its own.
import { serve } from '../server/index.ts';
import { clientOf, type GreeterClient, type HopSettings, hopHandler } from './hop.ts';
import type { FromHop, ToHop } from './messages.ts';
import { followParent } from './parent.ts';

let next: GreeterClient | undefined;

const tell = followParent<ToHop, FromHop>(async (message) => {
  if ('settings' in message) tell({ url: await listen(message.settings) });
  else {
    if (message.next !== null) next = clientOf(message.next);
    tell({ ready: true });
  }
});

async function listen(settings: HopSettings): Promise<string> {
  const handler = hopHandler(
    settings,
    () => next,
    (visit) => tell({ visit }),
  );
  // SIGTERM is what a rolling deployment sends; work in flight gets no grace here, so that it hears of it at once.
  const server = await serve(handler, {
    port: settings.port,
    signals: ['SIGTERM'],
    drain: { graceMs: 0, timeoutMs: 1_000 },
  });
  return server.url.origin;
}
