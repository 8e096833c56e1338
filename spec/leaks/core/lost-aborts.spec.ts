import { describe, expect, it } from 'vitest';
import * as core from '../../../lib/core/index.ts';
import { arrivals, collect, patterns } from '../../runtimes/lost-aborts.ts';

describe('T-08: no abort is lost to garbage collection', () => {
  it('the collection is a sharp one: it clears weak references and runs finalizers', async () => {
    let finalized = 0;
    const registry = new FinalizationRegistry(() => finalized++);
    const weak = Array.from({ length: 1_000 }, () => {
      const object = {};
      registry.register(object, undefined);
      return new WeakRef(object);
    });
    await collect();
    expect(weak.filter((one) => one.deref() !== undefined)).toEqual([]);
    expect(finalized).toBe(1_000);
  });

  it.each(Object.entries(patterns))('%s: 1,000 of 1,000 arrive', async (_, pattern) => {
    expect(await arrivals(core, pattern, 1_000)).toBe(1_000);
  });
});
