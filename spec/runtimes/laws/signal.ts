// The cases of the Web Platform Tests (dom/abort, dom/events) that apply to a token and its signal, restated.
// What we do otherwise, and why, stands in docs/platform.md.
import type { CancellationToken } from '../../../lib/core/index.ts';
import { equal, type Law, law, same } from '../harness.ts';

function aborts(signal: AbortSignal): { readonly count: number } {
  const seen = { count: 0 };
  signal.addEventListener('abort', () => {
    seen.count++;
  });
  return seen;
}

const events: Law[] = [
  law('signal: cancel fires abort synchronously', ({ core }) => {
    const source = new core.CancellationSource();
    const seen = aborts(source.token.signal);
    source.cancel();
    equal(seen.count, 1);
  }),

  law('signal: is always the same object', ({ core }) => {
    const { token } = new core.CancellationSource();
    same(token.signal, token.signal);
    equal([token.signal instanceof AbortSignal, token.signal.aborted], [true, false]);
  }),

  law('signal: a second cancel does nothing', ({ core }) => {
    const source = new core.CancellationSource();
    const seen = aborts(source.token.signal);
    source.cancel('TIMEOUT');
    const { reason } = source.token.signal;
    source.cancel('SHUTDOWN');
    equal(seen.count, 1);
    same(source.token.signal.reason, reason);
  }),

  law('signal: a listener added after the cancel is not called', ({ core }) => {
    const source = new core.CancellationSource();
    source.token.signal;
    source.cancel();
    equal(aborts(source.token.signal).count, 0);
  }),

  law('signal: the event has the right properties', ({ core }) => {
    const source = new core.CancellationSource();
    const { signal } = source.token;
    const seen: unknown[] = [];
    signal.addEventListener('abort', (event) => {
      seen.push(event.type, event.target === signal, event.bubbles, event.cancelable, event.isTrusted);
    });
    source.cancel();
    equal(seen, ['abort', true, false, false, true]);
  }),

  law('signal: onabort works', ({ core, log }) => {
    const source = new core.CancellationSource();
    source.token.signal.onabort = () => log('onabort');
    source.cancel();
  }),

  law('signal: the reason is the one error, named by the platform', ({ core }) => {
    for (const reason of Object.values(core.CancelReason)) {
      const source = new core.CancellationSource();
      const { signal } = source.token;
      source.cancel(reason);
      same(signal.reason, source.token.error);
      same(signal.reason, signal.reason);
      equal([signal.reason instanceof DOMException, signal.reason.reason], [true, reason]);
      equal(signal.reason.name, reason === 'TIMEOUT' ? 'TimeoutError' : 'AbortError');
    }
  }),

  law('signal: a cancel without a reason, or with undefined, is an AbortError', ({ core }) => {
    for (const args of [[], [undefined]] as const) {
      const source = new core.CancellationSource();
      source.cancel(...args);
      equal([source.token.signal.reason.name, source.token.signal.reason.code], ['AbortError', 20]);
    }
  }),

  law('signal: of a cancelled token is aborted, and fires nothing', ({ core }) => {
    const token = core.CancellationToken.cancelled('SHUTDOWN');
    equal([token.signal.aborted, aborts(token.signal).count], [true, 0]);
    same(token.signal.reason, token.error);
  }),

  law('signal: throwIfAborted throws the reason, whatever it is, and nothing before', ({ core }) => {
    for (const reason of [undefined, null, 'hello', { own: 1 }]) {
      const controller = new AbortController();
      const token = core.CancellationToken.from(controller.signal).child().token;
      token.signal.throwIfAborted();
      token.throwIfCancelled();
      controller.abort(reason);
      let thrown: unknown;
      try {
        token.signal.throwIfAborted();
      } catch (error) {
        thrown = error;
      }
      same(thrown, controller.signal.reason);
      same(token.signal.reason, controller.signal.reason);
      same(token.error?.cause, controller.signal.reason);
    }
  }),
];

const timeouts: Law[] = [
  law('timeout: is not aborted at first, and times out', ({ core, clock }) => {
    const { signal } = core.CancellationToken.timeout(5);
    equal(signal.aborted, false);
    clock.advance(5);
    equal([signal.aborted, signal.reason.name, signal.reason.code], [true, 'TimeoutError', 23]);
  }),

  law('timeout: fire in order', ({ core, clock, log }) => {
    for (const ms of [5, 4, 3, 2, 1, 5]) {
      core.CancellationToken.timeout(ms).signal.addEventListener('abort', () => log(ms));
    }
    clock.advance(10);
  }),
];

const joined: Law[] = [
  law('any: of an empty list is never aborted', ({ core }) => {
    equal([core.CancellationToken.any().signal.aborted, core.CancellationToken.any().canBeCancelled], [false, false]);
  }),

  law('any: follows a single signal, and each of several', ({ core }) => {
    for (let count = 1; count <= 4; count++) {
      for (let which = 0; which < count; which++) {
        const controllers = Array.from({ length: count }, () => new AbortController());
        const { signal } = core.CancellationToken.any(...controllers.map((one) => one.signal));
        const seen = aborts(signal);
        controllers[which]!.abort(which);
        equal([signal.aborted, signal.reason, seen.count], [true, which, 1]);
        for (const controller of controllers) controller.abort('late');
        equal([signal.reason, seen.count], [which, 1]);
      }
    }
  }),

  law('any: of an aborted signal is aborted, with the first reason listed', ({ core }) => {
    const live = new AbortController().signal;
    const { signal } = core.CancellationToken.any(live, AbortSignal.abort('first'), AbortSignal.abort('second'));
    equal([signal.aborted, signal.reason], [true, 'first']);
  }),

  law('any: takes the same signal more than once', ({ core }) => {
    const controller = new AbortController();
    const { signal } = core.CancellationToken.any(controller.signal, controller.signal);
    const seen = aborts(signal);
    controller.abort('once');
    equal([signal.reason, seen.count], ['once', 1]);
  }),

  law('any: uses the first instance of a duplicate', ({ core }) => {
    const [one, two] = [new AbortController(), new AbortController()];
    one.abort('one');
    two.abort('two');
    equal(core.CancellationToken.any(one.signal, two.signal, one.signal).signal.reason, 'one');
  }),

  law('any: composes', ({ core }) => {
    const controllers = Array.from({ length: 3 }, () => new AbortController());
    const inner = core.CancellationToken.any(controllers[0]!.signal, controllers[1]!.signal);
    const { signal } = core.CancellationToken.any(inner.signal, controllers[2]!.signal);
    controllers[0]!.abort('inner');
    equal([signal.aborted, signal.reason], [true, 'inner']);
  }),

  law('any: takes a timeout', ({ core, clock }) => {
    const { signal } = core.CancellationToken.any(new AbortController().signal, core.CancellationToken.timeout(5));
    clock.advance(5);
    equal(signal.reason.name, 'TimeoutError');
  }),

  law('any: works with intermediate signals', ({ core, log }) => {
    const controller = new AbortController();
    const tokens: CancellationToken[] = [core.CancellationToken.any(controller.signal, new AbortController().signal)];
    for (let i = 0; i < 3; i++)
      tokens.push(core.CancellationToken.any(tokens[i]!.signal, new AbortController().signal));
    for (const [i, { signal }] of tokens.entries()) signal.addEventListener('abort', () => log(i, signal.reason));
    controller.abort('through all');
    equal(
      tokens.map(({ signal }) => signal.aborted),
      [true, true, true, true],
    );
  }),

  law('any: abort events fire in the order of the tree', ({ core }) => {
    const root = new core.CancellationSource();
    const tokens = [root.token];
    for (const parent of [0, 0, 0, 1]) tokens.push(tokens[parent]!.child().token);
    let order = '';
    for (const [i, { signal }] of tokens.entries()) {
      signal.addEventListener('abort', () => {
        order += i;
      });
    }
    root.cancel();
    equal(order, '01234');
  }),

  law('any: all tokens are cancelled before any abort event fires', ({ core }) => {
    const root = new core.CancellationSource();
    const other = new core.CancellationSource();
    const tokens = [root.token, root.token.child().token, core.CancellationToken.any(root.token, other.token)];
    const seen: boolean[] = [];
    for (const { signal } of tokens) {
      signal.addEventListener('abort', () => seen.push(...tokens.map(({ cancelled }) => cancelled)));
    }
    root.cancel();
    equal(seen, Array(9).fill(true));
  }),

  law('any: a re-entrant abort keeps the first reason, and fires once', ({ core }) => {
    const [one, two] = [new AbortController(), new AbortController()];
    const { signal } = core.CancellationToken.any(one.signal, two.signal);
    const seen = aborts(signal);
    one.signal.addEventListener('abort', () => two.abort('two'));
    one.abort('one');
    equal([signal.reason, seen.count], ['one', 1]);
  }),

  law('any: shows the very exception of its source, aborted before or later', ({ core }) => {
    const before = AbortSignal.abort();
    same(core.CancellationToken.any(before, new AbortController().signal).signal.reason, before.reason);
    const controller = new AbortController();
    const { signal } = core.CancellationToken.any(controller.signal, new AbortController().signal);
    controller.abort();
    same(signal.reason, controller.signal.reason);
  }),

  law('any: made inside an abort listener is aborted from the start', ({ core }) => {
    const [one, two] = [new AbortController(), new AbortController()];
    const seen: unknown[] = [];
    one.signal.addEventListener('abort', () => {
      const { signal } = core.CancellationToken.any(two.signal, one.signal);
      seen.push(signal.aborted, signal.reason);
    });
    one.abort('here');
    equal(seen, [true, 'here']);
  }),
];

const listeners: Law[] = [
  law('listener options: the signal removes a listener, and keeps it until then', ({ core }) => {
    const source = new core.CancellationSource();
    const target = new EventTarget();
    let heard = 0;
    const options = { signal: source.token.signal };
    target.addEventListener('tick', () => heard++, options);
    target.addEventListener('tick', () => heard++, { ...options, once: true });
    target.addEventListener('tock', () => heard++, { ...options, capture: true });
    for (const type of ['tick', 'tick', 'tock']) target.dispatchEvent(new Event(type));
    equal(heard, 4);
    source.cancel();
    for (const type of ['tick', 'tock']) target.dispatchEvent(new Event(type));
    equal(heard, 4);
  }),

  law('listener options: does not prevent removeEventListener', ({ core }) => {
    const { token } = new core.CancellationSource();
    const target = new EventTarget();
    let heard = 0;
    const listener = () => heard++;
    target.addEventListener('tick', listener, { signal: token.signal });
    target.removeEventListener('tick', listener);
    target.dispatchEvent(new Event('tick'));
    equal(heard, 0);
  }),

  law('listener options: a cancel from a listener keeps later ones from being called', ({ core }) => {
    const source = new core.CancellationSource();
    const target = new EventTarget();
    let heard = 0;
    target.addEventListener('tick', () => source.cancel(), { signal: source.token.signal });
    target.addEventListener('tick', () => heard++, { signal: source.token.signal });
    target.dispatchEvent(new Event('tick'));
    equal(heard, 0);
  }),

  law('listener options: a listener added with an aborted signal is not added', ({ core }) => {
    const target = new EventTarget();
    let heard = 0;
    target.addEventListener('tick', () => heard++, { signal: core.CancellationToken.cancelled().signal });
    target.dispatchEvent(new Event('tick'));
    equal(heard, 0);
  }),
];

const followed: Law[] = [
  law('from: the same signal gives the same token, and back', ({ core }) => {
    const { signal } = new AbortController();
    same(core.CancellationToken.from(signal), core.CancellationToken.from(signal));
    same(core.CancellationToken.from(signal).signal, signal);
    const { token } = new core.CancellationSource();
    same(core.CancellationToken.from(token.signal), token);
  }),

  law('from: a signal that takes no new properties is polled like any other', ({ core }) => {
    // Polled only: Deno cannot even add a listener to such a signal.
    const controller = new AbortController();
    Object.preventExtensions(controller.signal);
    const { token } = core.CancellationToken.from(controller.signal).child();
    equal(token.cancelled, false);
    controller.abort();
    equal(token.cancelled, true);
  }),

  law('from: an event without an abort is not believed', ({ core }) => {
    const { signal } = new AbortController();
    const token = core.CancellationToken.from(signal);
    token.onCancel(() => {
      throw new Error('not aborted');
    });
    signal.dispatchEvent(new Event('abort'));
    equal(token.cancelled, false);
  }),

  law('from: polled while the abort is being dispatched, it knows', ({ core, log }) => {
    const controller = new AbortController();
    const token = core.CancellationToken.from(controller.signal);
    const child = token.child();
    controller.signal.addEventListener('abort', () => log('listener', child.token.cancelled));
    child.token.onCancel(() => log('child'));
    controller.abort();
  }),

  law('fetch rejects with the very error of the token', async ({ core }) => {
    const source = new core.CancellationSource();
    const wait = fetch('http://127.0.0.1:9/', { signal: source.token.signal }).catch((error) => error);
    source.cancel('PEER_CLOSED');
    equal(core.reasonOf(await wait), 'PEER_CLOSED');
  }),

  law('a stream is stopped by the signal', async ({ core }) => {
    const source = new core.CancellationSource();
    const wait = new ReadableStream({}).pipeTo(new WritableStream({}), { signal: source.token.signal });
    const result = wait.catch((error) => error);
    source.cancel('SHUTDOWN');
    same(await result, source.token.error);
  }),
];

export const signalLaws = [...events, ...timeouts, ...joined, ...listeners, ...followed];
