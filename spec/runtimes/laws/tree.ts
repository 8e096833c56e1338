import { equal, type Law, law, onUncaught, same, turn } from '../harness.ts';

export const treeLaws: Law[] = [
  law('the first cancel wins, and only it says so', ({ core }) => {
    const source = new core.CancellationSource();
    equal([source.cancel('SHUTDOWN'), source.cancel('TIMEOUT'), source.token.reason], [true, false, 'SHUTDOWN']);
  }),

  law('the whole subtree is cancelled before the first callback, with one error', ({ core }) => {
    const root = new core.CancellationSource();
    const all = [root];
    for (let i = 0; i < 40; i++) all.push(new core.CancellationSource(all[i >> 1]!.token));
    const errors = new Set();
    let half = 0;
    for (const { token } of all) {
      token.onCancel((error) => {
        errors.add(error);
        half += all.filter((one) => !one.token.cancelled).length;
      });
    }
    root.cancel();
    for (const { token } of all) errors.add(token.error);
    equal([half, errors.size], [0, 1]);
  }),

  law('callbacks, then the signal, then the children, level by level', ({ core, log }) => {
    const root = new core.CancellationSource();
    const [one, two] = [root.token.child(), root.token.child()];
    const leaf = one.token.child();
    for (const [name, { token }] of Object.entries({ leaf, two, one, root })) {
      token.signal.addEventListener('abort', () => log(name, 'signal'));
      token.onCancel(() => log(name, 1));
      token.onCancel(() => log(name, 2));
    }
    root.cancel();
  }),

  law('a throwing callback stops no other; its error goes to the hook', ({ core, log }) => {
    const root = new core.CancellationSource({ onCallbackError: ({ errors }) => log(errors) });
    root.token.onCancel(() => {
      throw new Error('one');
    });
    root.token.child().token.onCancel(() => {
      throw new Error('two');
    });
    root.token.onCancel(() => log('ran'));
    equal(root.cancel(), true);
  }),

  law('without a hook the error is uncaught, after cancel has returned', async ({ core }) => {
    const caught: unknown[] = [];
    const restore = onUncaught((error) => caught.push(error));
    const source = new core.CancellationSource();
    source.token.onCancel(() => {
      throw new Error('one');
    });
    equal([source.cancel(), caught.length], [true, 0]);
    await turn();
    await turn();
    restore();
    equal(
      caught.map((error) => error instanceof AggregateError && error.errors.length),
      [1],
    );
  }),

  law('an async callback that rejects is reported, never unhandled', async ({ core, log }) => {
    const source = new core.CancellationSource({ onCallbackError: ({ errors }) => log(errors) });
    source.token.onCancel(async () => {
      await undefined;
      throw new Error('late');
    });
    source.cancel();
    await turn();
  }),

  law('cancelAsync flips at once, calls later, and rejects with what failed', async ({ core, log }) => {
    const source = new core.CancellationSource();
    source.token.onCancel(() => log('called'));
    source.token.onCancel(async () => {
      await undefined;
      throw new Error('late');
    });
    const done = source.cancelAsync('SHUTDOWN').catch((error) => log(error.errors));
    log(source.token.reason);
    await done;
    equal(await source.cancelAsync(), false);
  }),

  law('re-entrancy: cancel, register, unregister, close and new children inside a callback', ({ core, log }) => {
    const root = new core.CancellationSource();
    const child = root.token.child();
    root.token.onCancel(() => {
      log('cancel', child.cancel(), root.cancel());
      log('unregister', waiting.unregister(), self.unregister());
      root.token.onCancel(() => log('late'));
      child.close();
      log('born', root.token.child().token.cancelled);
    });
    const self = root.token.onCancel(() => log('self'));
    const waiting = root.token.onCancel(() => log('never'));
    child.token.onCancel(() => log('child'));
    root.cancel();
  }),

  law('a closed source cannot be cancelled, and its children live on', ({ core }) => {
    const root = new core.CancellationSource();
    const child = root.token.child();
    root.close();
    equal(
      [root.cancel(), root.token.canBeCancelled, child.token.cancelled, child.cancel()],
      [false, false, false, true],
    );
  }),

  law('any follows the first, all waits for the last; a diamond is told once', ({ core, log }) => {
    const root = new core.CancellationSource();
    const [one, two] = [root.token.child(), root.token.child()];
    const { any, all } = core.CancellationToken;
    any(one.token, two.token).onCancel(({ reason }) => log('any', reason));
    all(one.token, two.token).onCancel(({ reason }) => log('all', reason));
    any(root.token, one.token).onCancel(({ reason }) => log('root or one', reason));
    one.cancel('TIMEOUT');
    log('between');
    root.cancel('SHUTDOWN');
  }),

  law('100,000 levels, and 100,000 levels of any', ({ core }) => {
    const root = new core.CancellationSource();
    let [plain, joined] = [root.token, root.token];
    for (let i = 0; i < 100_000; i++) {
      plain = plain.child().token;
      joined = core.CancellationToken.any(joined, new core.CancellationSource().token);
    }
    let told = 0;
    plain.onCancel(() => told++);
    joined.onCancel(() => told++);
    root.cancel();
    equal([told, plain.cancelled, joined.cancelled], [2, true, true]);
  }),

  law('a registration is taken back by using, also where `using` is unknown', async ({ core }) => {
    const source = new core.CancellationSource();
    const registration = source.token.onCancel(() => {
      throw new Error('never');
    });
    registration[Symbol.dispose]();
    await registration[Symbol.asyncDispose]();
    source[Symbol.dispose]();
    equal([registration.unregister(), source.token.canBeCancelled], [false, false]);
  }),

  law('a cell opens epochs', ({ core }) => {
    const cell = new core.CancelCell();
    const first = cell.handle();
    const { epoch } = cell;
    cell.reset();
    equal(
      [cell.flip('TIMEOUT', epoch), cell.flip('SHUTDOWN'), first.cancelled, cell.handle().reason],
      [false, true, false, 'SHUTDOWN'],
    );
  }),

  law('an error is named by the platform, and found behind a cause', ({ core, log }) => {
    for (const reason of Object.values(core.CancelReason)) {
      const error = new core.CancellationError(reason, { description: 'said', cause: reason });
      log(error.name, error.code, error.message, error.cause, String(error));
      equal([error instanceof DOMException, error instanceof Error, core.isCancellation(error)], [true, true, true]);
      equal(core.reasonOf(new Error('outer', { cause: error })), reason);
    }
    const { error } = core.CancellationToken.cancelled();
    equal(/^\s*at /m.test(error?.stack ?? ''), false);
  }),

  law('an error can be cloned; the clone is a bare one', ({ core }) => {
    const clone = structuredClone(new core.CancellationError('TIMEOUT'));
    equal([core.isCancellation(clone), core.reasonOf(clone)], [false, undefined]);
  }),

  law('a token given as a source cancels nothing', ({ core }) => {
    const { token } = new core.CancellationSource();
    const child = token.child();
    const { prototype } = child.constructor as typeof core.CancellationSource;
    for (const method of ['cancel', 'cancelAsync', 'close'] as const) {
      let refused = false;
      try {
        Reflect.apply(prototype[method], { token }, []);
      } catch (error) {
        refused = error instanceof TypeError;
      }
      equal(refused, true);
    }
    same(token.cancelled, false);
  }),
];
