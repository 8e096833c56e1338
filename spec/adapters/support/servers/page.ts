import { read } from '../../../house/sources.ts';
import { quoted, table, WORDS } from '../../../server/support/compared-page.ts';
import type { Protocol } from '../../../server/support/peers.ts';
import type { Finding } from '../../../server/support/rows.ts';
import { extentOf } from '../../../server/support/truth-table.ts';
import type { Framework } from './framework.ts';

/** One request, and what its handler was told: by the framework, and by the token of the adapter. */
export interface Both {
  readonly own: Finding;
  readonly ours: Finding;
}

/** What was found of one framework. */
export interface Found {
  readonly framework: Framework;
  readonly rows: readonly {
    readonly protocol: string;
    readonly shape: string;
    readonly deed: string;
    readonly both: Both;
  }[];
}

/** The versions that are installed, which are those the page speaks of. */
const versionOf = (name: string): string => JSON.parse(read(`node_modules/${name}/package.json`)).version;

const PROTOCOLS: readonly Protocol[] = ['HTTP/1.1', 'h2c'];

const protocolName = (protocol: string) => (protocol === 'h2c' ? 'HTTP/2' : protocol);
const served = ({ protocols }: Framework) => PROTOCOLS.filter((protocol) => protocols.includes(protocol));
const cell = ({ verdict }: Finding) => (verdict === undefined ? '–' : WORDS[verdict]);
const asked = ({ rows }: Found) => rows.filter(({ both }) => both.ours.verdict !== undefined);

function score(found: Found, whose: keyof Both): string {
  const all = asked(found);
  return `${all.filter(({ both }) => both[whose].verdict === 'right').length} of ${all.length}`;
}

function section({ framework, rows: all }: Found): string {
  const here: readonly string[] = served(framework);
  const rows = all
    .filter(({ protocol }) => here.includes(protocol))
    .map(({ protocol, shape, deed, both }) => [protocolName(protocol), shape, deed, cell(both.own), cell(both.ours)]);
  return `## ${framework.name}\n\n${table(['', 'request', 'what happens', framework.says, 'nevermind'], rows)}`;
}

/** What of the whole table is put to a framework, and what is not, for each reason. */
function whole({ framework }: Found): string[] {
  const { asked, left } = extentOf(framework, served(framework));
  const missing = PROTOCOLS.filter((protocol) => !framework.protocols.includes(protocol)).map((protocol) => ({
    what: `all over ${protocolName(protocol)}`,
    rows: extentOf({}, [protocol]).asked,
    why: `it is not served over ${protocolName(protocol)}`,
  }));
  const not = [...left, ...missing];
  const reasons = [...new Set(not.map(({ why }) => why))].map((why) => {
    const these = not.filter((one) => one.why === why);
    const what = [...new Set(these.map((one) => one.what))].join('; ');
    return `${these.reduce((sum, { rows }) => sum + rows, 0)}, as ${why}: ${what}`;
  });
  return [framework.name, String(asked), reasons.join('<br>') || '–'];
}

function reasons(all: readonly Found[]): string {
  const said = ({ rows }: Found, whose: keyof Both, protocol: string, deed: string) => {
    const row = rows.find(
      (one) => one.protocol === protocol && one.deed === deed && one.both[whose].reason !== undefined,
    );
    return quoted(row?.both[whose].reason);
  };
  const line = (name: string, found: Found, whose: keyof Both) => [
    name,
    said(found, whose, 'HTTP/1.1', 'its client leaves'),
    said(found, whose, 'h2c', 'its client leaves'),
    said(found, whose, 'h2c', 'its client resets the stream'),
  ];
  return table(
    ['', 'leaves, HTTP/1.1', 'leaves, HTTP/2', 'resets, HTTP/2'],
    [
      ...all.map((found) => line(found.framework.name, found, 'own')),
      line('nevermind, under all of them', all[0] as Found, 'ours'),
    ],
  );
}

/** The page, whole. */
export function adaptersCompared(all: readonly Found[]): string {
  return `# What frameworks say when a client leaves, and what their adapters say

Each row is one request on a real socket, with a handler that waits and the adapter mounted. Two are asked what they heard: what the
framework hands to the handler by itself, and the token. The page is written by \`spec/adapters/compared.spec.ts\`, which fails
when somebody says something else than stands here. [Servers compared](servers-compared.md) has the servers without adapters.

- ✓ the handler was told of the leaving, or rightly of nothing
- **missed** the client left, and the handler was never told: it works on for nobody
- **false** the client was there and waited, and the handler was told that it had left
- **after** the handler was told of a cancel once its answer had been given; that hurts only what goes on after the answer
- – there is no such request: the framework gives its handlers whole bodies

The last of them is the function over a request that is for Next.js. It is handed real web requests here, by a server that is not
Next.js, of which the table says nothing.

## In all

${table(
  ['framework', 'measured', 'over', 'its own way', 'right', 'with the adapter'],
  all.map((found) => [
    found.framework.name,
    found.framework.packages.map((name) => `${name} ${versionOf(name)}`).join(', ') || 'each Node',
    served(found.framework).map(protocolName).join(', '),
    found.framework.says,
    score(found, 'own'),
    score(found, 'ours'),
  ]),
)}

Of 10,000 calls that complete, one in ten of them streamed and every other with a body, with limits set, none is cancelled, during or
after: under each framework, over each protocol. Each run asks a fiftieth of them, and \`npm run soak\` all
(\`spec/adapters/false-cancels.spec.ts\`).

## The whole table

The adapters answer to the table that \`serve\` answers to as well: every shape of a request, and everything that its client can do, row by
row, in \`spec/adapters/truth-table.spec.ts\`. All rows that are asked are right. Each run asks them but for the clients that are killed
(SIGKILL); \`npm run soak\` asks those too, and all of HTTP/2 once more over TLS.

${table(['framework', 'rows asked', 'rows not asked'], all.map(whole))}

${all.map(section).join('\n\n')}

## What is said of the reason

${reasons(all)}
`;
}
