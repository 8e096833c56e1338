// What crosses a hop: the time that is left, on the clock of whoever receives it, and whatever else was in the headers.
import { afterEach, describe, expect, it } from 'vitest';
import { createFetch } from '../../lib/fetch/index.ts';
import { type ServeOptions, serve } from '../../lib/server/index.ts';
import { ManualClock } from './support/manual-clock.ts';
import { connect, type Protocol } from './support/peers.ts';

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0).reverse()) await end();
});

const TRACE = '00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01';

/** A caller that has 1,000 ms asks a shop, which after 400 ms of them asks a stock. @returns what the stock has seen */
async function asked(protocol: Protocol, stockOptions: ServeOptions, shopOptions: ServeOptions = {}): Promise<string> {
  const clock = new ManualClock();
  ends.push(clock.restore);
  const stock = await serve(
    (request, { token }) => new Response(`${token.remaining()} ms, ${request.headers.get('traceparent')}.`),
    stockOptions,
  );
  ends.push(stock.close);
  const fetch = createFetch({ propagateDeadline: [stock.url.host] });
  const shop = await serve(async (request) => {
    clock.advance(400);
    const { headers } = request;
    return await fetch(stock.url, { headers: { traceparent: headers.get('traceparent') ?? '' } });
  }, shopOptions);
  ends.push(shop.close);
  const client = await connect(protocol, Number(shop.url.port));
  ends.push(() => client.leave());
  const answer = client.ask({ headers: { 'connect-timeout-ms': '1000', traceparent: TRACE } });
  const text = await answer.until('.');
  return text.slice(text.lastIndexOf('\n') + 1);
}

describe.each(['HTTP/1.1', 'h2c'] as const)('over %s', (protocol) => {
  it.each<[string, number, ServeOptions, ServeOptions?]>([
    ['what is left of the caller’s time, beside the trace', 600, {}],
    ['at most what a caller may ask for', 500, { maxTimeoutMs: 500 }],
    ['at most the receiver’s own limit', 200, { handlerTimeoutMs: 200 }],
    ['what is left of the limit of the hop between', 500, {}, { handlerTimeoutMs: 900 }],
  ])('S1-20, S0-23: the next hop has %s', async (_, ms, stock, shop) => {
    expect(await asked(protocol, stock, shop)).toBe(`${ms} ms, ${TRACE}.`);
  });
});
