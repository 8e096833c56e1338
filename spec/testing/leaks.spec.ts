import { describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { sleep } from '../../lib/task/index.ts';
import { expectNoLeaks, fakeClock } from '../../lib/testing/index.ts';

describe('expectNoLeaks', () => {
  it('lets pass what has left nothing behind', () => {
    const root = new CancellationSource();
    const child = root.token.child({ timeout: 1000 });
    child.token.onCancel(() => undefined).unregister();
    child.close();
    expectNoLeaks();
    expectNoLeaks(root.token, root.token.signal);
  });

  it('lists callbacks, linked children and deadlines, by name where there is one', () => {
    const root = new CancellationSource({ name: 'shutdown' });
    const child = root.token.child({ name: 'request 7', timeout: 1000 });
    const nameless = root.token.child();
    nameless.token.onCancel(() => undefined);
    const registration = root.token.onCancel(() => undefined);
    expect(() => expectNoLeaks(root.token)).toThrow(
      [
        'Expected nothing to be left behind, but there is:',
        '- 1 deadline or sleep',
        '- 1 callback on shutdown',
        '- a child of shutdown: request 7, live',
        '- a child of shutdown: without a name, live',
      ].join('\n'),
    );
    registration.unregister();
    child.close();
    nameless.close();
    expectNoLeaks(root.token);
  });

  it('finds a sleep that nobody has ended', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const asleep = sleep(10, source.token);
    expect(() => expectNoLeaks()).toThrow('1 deadline or sleep');
    await clock.advanceAsync(10);
    await asleep;
    expectNoLeaks(source.token);
  });

  it('refuses a token that is none', () => {
    expect(() => expectNoLeaks(7 as never)).toThrow(TypeError);
  });
});
