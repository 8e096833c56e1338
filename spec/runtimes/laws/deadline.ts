import { equal, type Law, law, same } from '../harness.ts';

export const deadlineLaws: Law[] = [
  law('deadlines come in the order of time', ({ core, clock, log }) => {
    for (const timeout of [50, 10, 2 ** 31, 30, 10, 2 ** 33]) {
      core.CancellationToken.timeout(timeout).onCancel(({ name }) => log(timeout, name, core.clock.now()));
    }
    clock.advance(100);
    log('long');
    clock.advance(2 ** 34);
    equal(core.pendingAlarms(), 0);
  }),

  law('0 and less are at once, Infinity is never, NaN is refused', ({ core }) => {
    const reasons = [0, -1, Number.NEGATIVE_INFINITY].map((timeout) => core.CancellationToken.timeout(timeout).reason);
    equal(reasons, ['TIMEOUT', 'TIMEOUT', 'TIMEOUT']);
    same(core.CancellationToken.timeout(Number.POSITIVE_INFINITY), core.CancellationToken.none);
    let refused = false;
    try {
      core.CancellationToken.timeout(Number.NaN);
    } catch (error) {
      refused = error instanceof RangeError;
    }
    equal(refused, true);
  }),

  law('a child has the lesser of its own and its parent’s', ({ core, clock }) => {
    const root = new core.CancellationSource({ timeout: 20 });
    const [early, late] = [root.token.child({ timeout: 10 }), root.token.child({ timeout: 30 })];
    equal([early.token.remaining(), late.token.remaining()], [10, 20]);
    clock.advance(20);
    equal([early.token.error === root.token.error, late.token.error === root.token.error], [false, true]);
  }),

  law('a re-armed deadline replaces the one before', ({ core, clock }) => {
    const source = new core.CancellationSource({ timeout: 10 });
    source.cancelAfter(100);
    clock.advance(50);
    equal(source.token.cancelled, false);
    source.cancelAfter(10);
    clock.advance(10);
    equal(source.token.reason, 'TIMEOUT');
  }),

  law('a real clock rings too', async ({ core, clock }) => {
    const restore = core.setClock({ now: () => performance.now(), after: realAfter });
    try {
      const error = await new Promise<Error>((resolve) => core.CancellationToken.timeout(1).onCancel(resolve));
      equal(error.name, 'TimeoutError');
    } finally {
      restore();
    }
    equal(clock.now(), 1_000);
  }),
];

function realAfter(ms: number, fn: () => void): () => void {
  const timer = setTimeout(fn, Math.ceil(ms));
  return () => clearTimeout(timer);
}
