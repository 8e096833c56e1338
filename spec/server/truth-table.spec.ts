import { describe } from 'vitest';
import { SUBJECTS } from './support/subjects.ts';
import { truthTable } from './support/truth-table.ts';

describe.each(Object.entries(SUBJECTS))('S3-05, S3-06: %s', (name, start) => {
  truthTable({ start, atOnce: name === 'serve, exchange handler' });
});
