import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { governing } from '../../lib/query/index.ts';

const { none } = CancellationToken;
const live = new CancellationSource().token;
const cancelled = CancellationToken.cancelled();

describe('a statement goes under its token', () => {
  it.each([
    'select 1',
    'BEGIN',
    'start transaction',
    'savepoint a',
    'release savepoint a',
    "select 'rollback'",
    'rollbacks',
    'committed',
    '-- rollback\nselect 1',
    '/* commit',
    '',
    '  ',
    '(select 1)',
  ])('%j', (text) => {
    expect([governing(text, live), governing(text, cancelled)]).toEqual([live, cancelled]);
  });

  it.each([
    'ROLLBACK',
    'rollback to savepoint a',
    ' abort;',
    '/* comment; */ rollback',
    '-- a word\n  rollback and chain',
  ])('but not what undoes work: %j', (text) => {
    expect([governing(text, live), governing(text, cancelled)]).toEqual([none, none]);
  });

  it.each(['commit', 'COMMIT WORK', 'end', '/**/commit;'])(
    'nor, once it has begun, what makes work last: %j',
    (text) => {
      expect([governing(text, live), governing(text, cancelled)]).toEqual([none, cancelled]);
    },
  );

  it('is told by its beginning, however long its comments are', () => {
    expect(governing(`${'/*'.repeat(200_000)}`, live)).toBe(live);
    expect(governing(`${' -- a\n'.repeat(200_000)}rollback`, live)).toBe(none);
  });
});
