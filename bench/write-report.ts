// npm run bench:report
import { readFileSync, writeFileSync } from 'node:fs';
import { withHeadline } from './headline.ts';
import { measured } from './measured.ts';
import { plotName, plotOf, report } from './report.ts';

const root = new URL('../../', import.meta.url);

const found = await measured(root);
writeFileSync(new URL('docs/benchmarks.md', root), report(found));
for (const one of found) writeFileSync(new URL(`docs/${plotName(one)}`, root), plotOf(one));
const readme = new URL('README.md', root);
writeFileSync(readme, withHeadline(readFileSync(readme, 'utf8'), found));
