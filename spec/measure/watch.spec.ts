import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { Watch } from '../../lib/measure/watch.ts';
import { type FakeClock, fakeClock } from '../../lib/testing/index.ts';

let clock: FakeClock;
beforeEach(() => {
  clock = fakeClock();
});
afterEach(() => clock[Symbol.dispose]());

describe('a watch', () => {
  it('waits until what it waits for is true, and looks only when something has changed', async () => {
    const watch = new Watch();
    let looks = 0;
    let count = 0;
    const waited = watch.until(() => {
      looks++;
      return count === 2;
    }, CancellationToken.none);
    for (count = 1; count < 3; count++) watch.changed();
    await waited;
    watch.changed();
    expect(looks).toBe(3);
  });

  it('does not wait for what is true already', async () => {
    await new Watch().until(() => true, CancellationToken.cancelled());
    expect(await new Watch().within(0, () => true, CancellationToken.none)).toBe(true);
  });

  it('gives up with its token, and looks no more', async () => {
    const source = new CancellationSource();
    const watch = new Watch();
    let looks = 0;
    const waited = watch.until(() => looks++ > 5, source.token);
    source.cancel();
    await expect(waited).rejects.toBe(source.token.error);
    watch.changed();
    expect(looks).toBe(1);
  });

  it('tells what did not come in time from what did', async () => {
    const watch = new Watch();
    let come = false;
    const late = watch.within(100, () => come, CancellationToken.none);
    await clock.advanceAsync(100);
    expect(await late).toBe(false);
    const early = watch.within(100, () => come, CancellationToken.none);
    await clock.advanceAsync(99);
    come = true;
    watch.changed();
    expect(await early).toBe(true);
  });

  it('has a wait with a limit end with its token too', async () => {
    const source = new CancellationSource();
    const waited = new Watch().within(100, () => false, source.token);
    source.cancel();
    await expect(waited).rejects.toBe(source.token.error);
  });
});
