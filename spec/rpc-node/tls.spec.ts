import { afterEach, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { createClient } from '../../lib/rpc/client.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { http2Transport } from '../../lib/rpc-node/index.ts';
import { serve } from '../../lib/server/index.ts';
import { gate } from '../rpc/support/gate.ts';
import { Greeter } from '../rpc/support/greeter.ts';
import { certificate } from '../server/support/certificate.ts';
import { Wiretap } from './support/wiretap.ts';

const ends: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

async function secured(session: object, relayed = false) {
  const entered = gate();
  const stopped = gate<string>();
  const greeter = implement(Greeter, {
    async greet({ name }, { token }) {
      if (name === 'Ada') return { greeting: 'hello' };
      entered.open();
      return new Promise((_, reject) =>
        token.onCancel((error) => {
          stopped.open(error.reason);
          reject(error);
        }),
      );
    },
  });
  const server = await serve(createHandler([greeter]), { tls: certificate() });
  const tap = await Wiretap.on(server.url);
  const transport = http2Transport({ baseUrl: relayed ? tap.url : server.url, session });
  ends.push(
    () => transport.close(),
    () => server.close(),
    async () => tap.close(),
  );
  return { client: createClient(Greeter, { transport }), entered, stopped };
}

it('calls over TLS, and cancels', async () => {
  const { client, entered, stopped } = await secured({ ca: certificate().cert });
  expect(await client.greet({ name: 'Ada' })).toEqual({ greeting: 'hello' });
  const source = new CancellationSource();
  const response = client.greet({ name: 'nobody' }, { token: source.token });
  await entered.opened;
  source.cancel();
  await expect(response).rejects.toMatchObject({ code: 'canceled' });
  expect(await stopped.opened).toBe('CANCELLED');
});

// Head, body and end in one TLS record: Node has closed the stream by the time that it tells of its end, as after a reset.
it('takes an answer for whole that a relay has put into one record', async () => {
  const { client } = await secured({ ca: certificate().cert }, true);
  for (let call = 0; call < 3; call++) expect(await client.greet({ name: 'Ada' })).toEqual({ greeting: 'hello' });
});

it('sends nothing to a server whose certificate it does not trust', async () => {
  const { client } = await secured({});
  await expect(client.greet({ name: 'Ada' })).rejects.toMatchObject({ code: 'unavailable', neverProcessed: true });
});
