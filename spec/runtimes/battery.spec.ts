import { afterEach, describe, expect, it } from 'vitest';
import * as core from '../../lib/core/index.ts';
import { laws } from './battery.ts';
import { runLaw } from './harness.ts';

describe('what holds in every runtime holds here', () => {
  const lines: string[] = [];
  afterEach(() => {
    lines.length = 0;
  });

  it.each(laws)('$name', async (law) => {
    await runLaw(core, law, (line) => lines.push(line));
    if (law.name.startsWith('random')) {
      const first = lines.splice(0);
      await runLaw(core, law, (line) => lines.push(line));
      expect(lines, 'the same seed tells the same story').toEqual(first);
    }
  });

  it('has a name for each law', () => {
    expect(new Set(laws.map(({ name }) => name)).size).toBe(laws.length);
  });
});
