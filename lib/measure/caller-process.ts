// The entry of a client process: makes the calls it is told to make, and changes its mind.
import { CancellationSource } from '../core/index.ts';
import { RpcError } from '../rpc/index.ts';
import { CALL_HEADER } from './greeter.ts';
import { clientOf, type GreeterClient } from './hop.ts';
import type { CallOrder, CallState, FromCaller, ToCaller } from './messages.ts';
import { followParent } from './parent.ts';
import { sharedNow } from './visit.ts';

let client: GreeterClient | undefined;
const minds = new Map<string, () => void>();

const tell = followParent<ToCaller, FromCaller>(async (message) => {
  if ('url' in message) {
    client = clientOf(message.url);
    tell({ ready: true });
  } else if ('changeMind' in message) minds.get(message.changeMind)?.();
  else if (client !== undefined) await make(client, message);
});

async function make(client: GreeterClient, { call, steps, timeoutMs, cancelAfterMs }: CallOrder): Promise<void> {
  const source = new CancellationSource({ timeout: timeoutMs });
  const startedAt = sharedNow();
  let state: CallState = {
    call,
    startedAt,
    deadlineAt: startedAt + timeoutMs,
    cancelledAt: null,
    settledAt: null,
    code: null,
  };
  const changeMind = () => {
    const cancelledAt = sharedNow();
    if (source.cancel('CANCELLED', { description: 'never mind' })) state = { ...state, cancelledAt };
  };
  minds.set(call, changeMind);
  tell({ state });
  const timer = cancelAfterMs === undefined ? undefined : setTimeout(changeMind, cancelAfterMs);
  const code = await client
    .greet({ name: 'Ada', steps }, { token: source.token, headers: { [CALL_HEADER]: call } })
    .then(
      () => 'ok' as const,
      (error: unknown) => (error instanceof RpcError ? error.code : 'unknown'),
    );
  clearTimeout(timer);
  minds.delete(call);
  source.close();
  tell({ state: { ...state, settledAt: sharedNow(), code } });
}
