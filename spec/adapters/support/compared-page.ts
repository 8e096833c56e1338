import type { Race } from './race.ts';
import { RIVALS, type Rival } from './rivals.ts';

export type Verdict = 'right' | 'killed' | 'missed' | 'hangs' | 'lost';

export interface Figures {
  readonly node: string;
  readonly rivals: Readonly<Record<string, Race>>;
}

const WORDS: Record<Verdict, string> = {
  right: '✓',
  killed: '**killed**',
  missed: '**missed**',
  hangs: '**hangs**',
  lost: '**lost**',
};

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');
const count = (n: number) => n.toLocaleString('en-GB');

function verdicts(
  server: Rival['server'],
  rows: readonly { scene: string; verdicts: ReadonlyMap<Rival, Verdict> }[],
): string {
  const rivals = RIVALS.filter((rival) => rival.server === server);
  return table(
    ['the cancel', ...rivals.map(({ name }) => name)],
    rows.map(({ scene, verdicts }) => [scene, ...rivals.map((rival) => WORDS[verdicts.get(rival) as Verdict])]),
  );
}

/** The page, whole. */
export function compared(
  rows: readonly { scene: string; verdicts: ReadonlyMap<Rival, Verdict> }[],
  { node, rivals }: Figures,
): string {
  return `# What a cancel does to queries

Each cell is a query on a real server, over a pool of one connection, with something in between that holds up what goes by; so what is
a matter of microseconds otherwise happens here each time. The page is written by \`spec/adapters/databases-compared.spec.ts\`, which fails when a
driver does something else than stands here.

- ✓ the query is stopped, its value is kept, the next query lives
- **killed** the next query on the connection, somebody else's, was stopped in place of the one that was meant
- **missed** the server ran the query on, for nobody
- **hangs** the next query was never sent
- **lost** the query had a value, and whoever asked was told that it was stopped

## PostgreSQL

${verdicts('PostgreSQL', rows)}

## MariaDB

${verdicts('MariaDB', rows)}

## Left to chance

How often it happens when nothing is held up: queries of 2 ms, cancelled about when they end, and each followed by another one over the
same connection; one in ten takes no time, and one 40 ms. Loopback, Node ${node}; measured by \`npm run bench:databases\`.

${table(
  ['', 'queries', 'stopped', 'ended before', 'next one killed'],
  RIVALS.map(({ name }) => {
    const { times, stopped, finished, killed } = rivals[name] as Race;
    return [name, count(times), count(stopped), count(finished), killed === 0 ? '0' : `**${count(killed)}**`];
  }),
)}

Kysely's \`cancel query\` asks whether the query still runs before it sends its cancel, and gives the connection back when both are done, as
nevermind does. It tells whoever asked of the stop before it knows of it, and asks once.
`;
}
