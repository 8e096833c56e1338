import { RIVALS } from './rivals.ts';
import type { Finding } from './rows.ts';

export interface Table {
  readonly protocol: string;
  readonly rows: readonly { readonly shape: string; readonly deed: string; readonly cells: readonly Finding[] }[];
}

export const WORDS = { right: '✓', missed: '**missed**', false: '**false**', after: '**after**' };

const row = (cells: readonly string[]) => `| ${cells.join(' | ')} |`;
export const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => '---')), ...rows.map(row)].join('\n');

function verdicts({ rows }: Table): string {
  return table(
    ['request', 'what happens', ...RIVALS.map(({ name }) => name)],
    rows.map(({ shape, deed, cells }) => [
      shape,
      deed,
      ...cells.map(({ verdict }) => (verdict === undefined ? '–' : WORDS[verdict])),
    ]),
  );
}

/** A reason, as it stands in a table. */
export const quoted = (reason: string | undefined) =>
  reason === undefined ? '–' : reason === '' ? 'nothing' : `\`${reason.replaceAll('|', '\\|')}\``;

/** What a rival says of each way to leave: the same words for a reset and for a lost connection are no reason. */
function reasons(tables: readonly Table[]): string {
  const said = (index: number, protocol: string, deed: string) => {
    const { rows = [] } = tables.find((one) => one.protocol === protocol) ?? {};
    const found = rows.find((one) => one.deed === deed && one.cells[index]?.reason !== undefined);
    return found?.cells[index]?.reason;
  };
  return table(
    ['server', 'asked by', 'leaves, HTTP/1.1', 'leaves, HTTP/2', 'resets, HTTP/2'],
    RIVALS.map(({ name, says }, index) => [
      name,
      says,
      quoted(said(index, 'HTTP/1.1', 'its client leaves')),
      quoted(said(index, 'h2c', 'its client leaves')),
      quoted(said(index, 'h2c', 'its client resets the stream')),
    ]),
  );
}

/** The page, whole. */
export function compared(tables: readonly Table[]): string {
  const score = RIVALS.map((_, index) => {
    const asked = tables.flatMap(({ rows }) => rows.flatMap(({ cells }) => cells[index]?.verdict ?? []));
    return `${asked.filter((verdict) => verdict === 'right').length} of ${asked.length}`;
  });
  return `# What servers say when a client leaves

Each cell is one request on a real socket, with a handler that waits. The question is what that handler is told: when its client
leaves, and when nobody leaves. The page is written by \`spec/server/compared.spec.ts\`, which fails when a server says something else
than stands here. The whole table for nevermind, \`spec/server/truth-table.spec.ts\`, is put to \`serve\` and \`tokenOf\` over TLS
too, with more to be asked and more that a client may do. \`npm run test:nodes\` puts it to every line of Node: in November 2026 all of
its 908 cells were right on Node 20.20.2, 22.23.3, 24.21.0 and 26.10.0.

- ✓ the handler was told of the leaving, or rightly of nothing
- **missed** the client left, and the handler was never told: it works on for nobody
- **false** the client was there and waited, and the handler was told that it had left
- **after** the handler was told of a cancel once its answer had been given; that hurts only what goes on after the answer
- – the server has no request of the kind

${tables.map((one) => `## ${one.protocol === 'h2c' ? 'HTTP/2' : one.protocol}\n\n${verdicts(one)}`).join('\n\n')}

## In all

${table(['', ...RIVALS.map(({ name }) => name)], [['right', ...score]])}

## What is said of the reason

A reset is a change of mind on a connection that lives; a connection that is gone is a death. Where both are told in the same
words, the reason is lost. Over HTTP/1.1 there is but one way to leave.

${reasons(tables)}
`;
}
