// npm run bench:report
import { writeFileSync } from 'node:fs';
import { plotName, plotOf, report } from './report.ts';
import { stored } from './results.ts';
import { suites } from './suites.ts';

const root = new URL('../../', import.meta.url);

const measured = await Promise.all(
  Object.entries(suites).map(async ([name, load]) => ({ suite: (await load()).suite, runs: stored(root, name) })),
);
const found = measured.filter(({ runs }) => runs.length > 0);
writeFileSync(new URL('docs/benchmarks.md', root), report(found));
for (const one of found) writeFileSync(new URL(`docs/${plotName(one)}`, root), plotOf(one));
