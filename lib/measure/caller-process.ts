// The entry of a client process: makes the calls it is told to make, and changes its mind.
import { CancellationSource } from '../core/index.ts';
import { RpcError } from '../rpc/index.ts';
import { type Carrier, carrierOf } from './carrier.ts';
import { Desk, type Made } from './desk.ts';
import { CALL_HEADER } from './greeter.ts';
import type { CallOrder, FromCaller, ToCaller } from './messages.ts';
import { followParent } from './parent.ts';

let carrier: Carrier | undefined;

const tell = followParent<ToCaller, FromCaller>(async (message) => {
  if ('url' in message) {
    carrier = carrierOf(message.url, message.wire);
    tell({ ready: true });
  } else await desk.hear(message);
});

const desk = new Desk(make, tell);

function make(order: CallOrder, streaming: () => void): Made {
  const source = new CancellationSource({ timeout: order.timeoutMs });
  const done = send(order, source, streaming)
    .then(
      () => ({ code: 'ok' as const }),
      (error: unknown) => ({
        code: error instanceof RpcError ? error.code : source.token.cancelled ? 'canceled' : 'unknown',
        message: error instanceof Error ? error.message : String(error),
      }),
    )
    .finally(() => source.close());
  return { cancel: () => source.cancel('CANCELLED', { description: 'never mind' }), done };
}

async function send(order: CallOrder, { token }: CancellationSource, streaming: () => void): Promise<void> {
  const greeting = { name: 'Ada', steps: order.steps };
  const headers = { [CALL_HEADER]: order.call };
  if (carrier === undefined) throw new Error('nobody to call yet');
  if (order.streamed !== true) return void (await carrier.greet(greeting, token, headers));
  let first = true;
  for await (const _ of carrier.greetings(greeting, token, headers)) {
    if (first) streaming();
    first = false;
  }
}
