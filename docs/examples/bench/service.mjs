// A service, as it may be in your own chain: `orders` asks `stock`, which has the work. What the benchmark needs is `witness`.
import { sleep } from 'nevermind';
import { reporterTo, witness } from 'nevermind/bench';
import { createFetch } from 'nevermind/fetch';
import { serve } from 'nevermind/server';

const { NAME, NEXT, BENCH_REPORT_URL } = process.env;
const report = reporterTo(BENCH_REPORT_URL);
const fetch = createFetch();

const server = await serve(async (request, { token }) => {
  const { headers } = request;
  const stopped = witness(headers.get('bench-call'), token, report, NAME);
  try {
    if (NEXT) {
      const answer = await fetch(NEXT, { headers });
      return new Response(await answer.text());
    }
    await sleep(headers.has('bench-lasting') ? 60_000 : 1, token);
    return new Response('7 left');
  } finally {
    stopped();
  }
});

process.send?.(server.url.href);
process.once('disconnect', () => process.exit());
