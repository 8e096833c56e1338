// What a handler throws after it was answered for, where its framework has stopped listening.
import { initTRPC } from '@trpc/server';
import { createHTTPHandler } from '@trpc/server/adapters/standalone';
import { expect, it } from 'vitest';
import * as nextAdapter from '../../lib/adapters/next.ts';
import * as trpcAdapter from '../../lib/adapters/trpc.ts';
import type { CancellationToken } from '../../lib/core/index.ts';
import type { ReceptionOptions } from '../../lib/server/index.ts';
import { gate } from '../server/support/gate.ts';
import { ends, manual } from './support/servers/ends.ts';
import { heard } from './support/servers/heard.ts';
import { onServer } from './support/servers/on-server.ts';

type Work = (token: CancellationToken) => Promise<never>;

/** Each answers with the status that it gave. */
const FRAMEWORKS: Record<string, (options: ReceptionOptions, work: Work) => Promise<number>> = {
  async 'Next.js'(options, work) {
    const route = nextAdapter.cancellation(options)((request) => work(nextAdapter.tokenOf(request)));
    return (await route(new Request('http://localhost/report'))).status;
  },
  async tRPC(options, work) {
    const cancelling = trpcAdapter.cancellation(options);
    const t = initTRPC.context<object>().create();
    const report = t.procedure.use(cancelling.procedure).query((call) => work(trpcAdapter.tokenOf(call)));
    const router = t.router({ report });
    const { url } = await onServer(createHTTPHandler({ router, createContext: cancelling.context() }), ends);
    return (await fetch(`${url}/report`)).status;
  },
};

it.each(Object.entries(FRAMEWORKS))('%s: it is told to `onError`', async (_, run) => {
  const clock = manual();
  const [started, go] = [gate<CancellationToken>(), gate()];
  const told = gate<unknown[]>();
  const status = run({ handlerTimeoutMs: 300, onError: (...what) => told.open(what) }, async (token) => {
    started.open(token);
    await go.opened;
    throw new Error('no such table');
  });
  const token = await started.opened;
  clock.advance(300);
  await heard(token);
  expect(await status).toBe(504);
  go.open();
  expect(await told.opened).toMatchObject([{ message: 'no such table' }, 'GET /report']);
});

it('it is a warning of the process, where nobody listens', async () => {
  const clock = manual();
  const [started, go] = [gate<CancellationToken>(), gate()];
  const warned = new Promise((resolve) => process.once('warning', resolve));
  const route = nextAdapter.cancellation({ handlerTimeoutMs: 300 })(async (request) => {
    started.open(nextAdapter.tokenOf(request));
    await go.opened;
    throw new Error('no such table');
  });
  const response = route(new Request('http://localhost/report'));
  await started.opened;
  clock.advance(300);
  expect((await response).status).toBe(504);
  go.open();
  expect(await warned).toMatchObject({
    name: 'NevermindServerWarning',
    message: 'GET /report failed',
    detail: expect.stringContaining('no such table'),
  });
});
