// npm run mutation: what Stryker has found, as docs/mutation.md. Fails when a mutant survives that survivors.json does not explain.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';

const root = new URL('../../', import.meta.url);
const { files } = JSON.parse(readFileSync(new URL('reports/mutation.json', root), 'utf8'));
const explained = JSON.parse(readFileSync(new URL('survivors.json', import.meta.url), 'utf8'));

/** What could not be told from the code itself; `Timeout`: it ran for ever, and a test would have. */
const DEAD = ['Killed', 'Timeout'];
const ALIVE = ['Survived', 'NoCoverage'];
const ENOUGH = 95;

const oneLine = (text) => text.replaceAll(/\s+/g, ' ').trim();

/** A mutant by what it does to which line, wherever that has moved to. */
function mutantIn(file, source, { location: { start, end }, replacement }) {
  const lines = source.split('\n');
  const line = lines[start.line - 1];
  const last = start.line === end.line ? end.column - 1 : line.length;
  const changed = `${line.slice(0, start.column - 1)}${oneLine(replacement)}${line.slice(last)}`;
  return { file, line: line.trim(), mutant: changed.trim() };
}

const same = (a) => (b) => a.file === b.file && a.line === b.line && a.mutant === b.mutant;

const scores = [];
const survivors = [];
for (const [file, { source, mutants }] of Object.entries(files).sort(([a], [b]) => (a < b ? -1 : 1))) {
  const dead = mutants.filter(({ status }) => DEAD.includes(status)).length;
  const alive = mutants.filter(({ status }) => ALIVE.includes(status));
  if (dead + alive.length > 0) scores.push({ file, dead, all: dead + alive.length });
  survivors.push(...alive.map((mutant) => mutantIn(file, source, mutant)));
}

const reasons = explained.map(({ why, mutants }) => ({
  why,
  mutants: mutants.filter((known) => survivors.some(same(known))),
}));
const known = explained.flatMap(({ mutants }) => mutants);
const unexplained = survivors.filter((one) => !known.some(same(one)));
const outdated = known.filter((one) => !survivors.some(same(one)));

/** Those with something in them that could be changed, which the run has left out. */
const measured = Object.keys(files);
const missing = readdirSync(new URL('lib/core/', root)).filter((name) => !measured.includes(`lib/core/${name}`));
const empty = ['index.ts', 'surface.ts'];
const left = missing.filter((name) => !empty.includes(name));

const percent = ({ dead, all }) => `${((100 * dead) / all).toFixed(1)} %`;
const total = scores.reduce((sum, { dead, all }) => ({ dead: sum.dead + dead, all: sum.all + all }), {
  dead: 0,
  all: 0,
});
const code = (text) => `\`${text.replaceAll('|', '\\|')}\``;

const page = `# Mutants of the core

What the specs would notice: [Stryker](https://stryker-mutator.io) changes [\`lib/core\`](../lib/core) in one place at a time, a sign, a
condition, a whole block, and runs the specs of the room against each of these mutants. One that no spec notices survives. At least
${ENOUGH} in 100 have to die, and each survivor has its reason below.

\`npm run mutation\` measures and writes this page; on two cores it takes half an hour and more, and minutes once it knows the results of the
last run (in \`reports/\`), as it then tries only what has changed. It fails when too few die, or when one survives that
[\`survivors.json\`](../spec/mutation/survivors.json) does not explain. The specs are those of [\`spec/core\`](../spec/core) alone: the laws,
the leaks and whatever stands on the core would kill more.

| file | mutants | dead | |
|---|---|---|---|
${scores.map((one) => `| [${one.file.split('/').at(-1)}](../${one.file}) | ${one.all} | ${one.dead} | ${percent(one)} |`).join('\n')}
| **all** | **${total.all}** | **${total.dead}** | **${percent(total)}** |
${left.length === 0 ? '' : `\nNot measured yet: ${left.join(', ')}.\n`}
## Survivors
${reasons
  .filter(({ mutants }) => mutants.length > 0)
  .map(
    ({ why, mutants }) => `
${why}

| | line | becomes |
|---|---|---|
${mutants.map(({ file, line, mutant }) => `| ${file.split('/').at(-1)} | ${code(line)} | ${code(mutant)} |`).join('\n')}
`,
  )
  .join('')}`;

const target = new URL('docs/mutation.md', root);
if (!existsSync(target) || readFileSync(target, 'utf8') !== page) writeFileSync(target, page);

for (const one of unexplained) process.stderr.write(`Survives, and nobody has said why: ${JSON.stringify(one)}\n`);
for (const one of outdated) process.stderr.write(`Explained, and does not survive any more: ${JSON.stringify(one)}\n`);
for (const name of left) process.stderr.write(`Not measured: lib/core/${name}\n`);
process.stdout.write(`${total.dead} of ${total.all} mutants are dead (${percent(total)}).\n`);
if (unexplained.length + outdated.length + left.length > 0 || (100 * total.dead) / total.all < ENOUGH)
  process.exitCode = 1;
