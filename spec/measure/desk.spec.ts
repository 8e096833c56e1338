import { describe, expect, it } from 'vitest';
import { Desk, type Made } from '../../lib/measure/desk.ts';
import type { FromCaller } from '../../lib/measure/messages.ts';

describe('a desk', () => {
  it('hears of the end of a load whose calls are through at once', async () => {
    const told: FromCaller[] = [];
    let calls = 0;
    const through: Made = { cancel: () => false, done: Promise.resolve({ code: 'ok' }) };
    // A load that never lets go is let go of here: else this would never fail.
    const desk = new Desk(
      () => (++calls < 1_000 ? through : { ...through, done: new Promise(() => {}) }),
      (news) => {
        told.push(news);
      },
    );
    await desk.hear({ load: 2 });
    await new Promise(setImmediate);
    await desk.hear({ load: 0 });
    expect(told).toEqual([{ loaded: calls }]);
    expect(calls).toBeGreaterThan(0);
  });
});
