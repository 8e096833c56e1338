// The few figures that the README shows, of those that are stored: both where we are ahead and where we are not.
import { grid, times } from './format.ts';
import { oursIn, type Results } from './harness.ts';
import type { Measured } from './report.ts';
import { ratio } from './verdict.ts';

interface Line {
  readonly suite: string;
  readonly id: string;
  readonly title: string;
  readonly against: string;
  /** As the reader knows it; left out: by its own name. */
  readonly as?: string;
}

const LINES: readonly Line[] = [
  {
    suite: 'core',
    id: 'request',
    title: 'a token for a request, with a deadline and a callback',
    against: 'native, any',
    as: '`AbortSignal.any` and `timeout`',
  },
  { suite: 'core', id: 'child', title: 'a child, linked and closed', against: 'vscode-jsonrpc' },
  {
    suite: 'core',
    id: 'root-reason',
    title: 'a source, made and cancelled',
    against: 'native, listener',
    as: '`AbortController`',
  },
  { suite: 'core', id: 'root-reason', title: '', against: 'vscode-jsonrpc' },
  { suite: 'tasks', id: 'run', title: 'a task, run to its end', against: 'abort-controller-x' },
  {
    suite: 'propagation',
    id: 'three-load',
    title: 'a cancel to the last of three services under load',
    against: 'grpc-js',
  },
  { suite: 'propagation', id: 'three-load', title: '', against: 'connect-node' },
  { suite: 'propagation', id: 'three-load', title: '', against: 'node:http2', as: 'bare `node:http2`' },
  { suite: 'rpc', id: 'unary-16', title: 'unary calls a second', against: 'grpc-js' },
  { suite: 'rpc', id: 'unary-16', title: '', against: 'connect-node' },
  { suite: 'rpc', id: 'unary-16', title: '', against: 'node:http2', as: 'bare `node:http2`' },
  { suite: 'serve', id: 'h2c-128', title: 'requests a second over HTTP/2', against: 'Fastify' },
  { suite: 'serve', id: 'http1-128', title: 'requests a second over HTTP/1.1', against: 'Fastify' },
];

/** How many times faster ours is, on each line of Node. */
export function headline(measured: readonly Measured[]): string {
  const lines = [...new Set(measured.flatMap(({ runs }) => runs.map(lineOf)))].filter((line) => line !== 22);
  const rows = LINES.flatMap((line) => row(line, measured, lines));
  return grid([['how many times faster', 'than', ...lines.map((line) => `Node ${line}`)], ...rows]);
}

function row(line: Line, measured: readonly Measured[], lines: readonly number[]): string[][] {
  const { suite, id, title, against, as = against } = line;
  const found = measured.find((one) => one.suite.name === suite);
  const unit = found?.suite.cases.find((one) => one.id === id)?.unit;
  if (found === undefined || unit === undefined) return [];
  const cells = lines.map((of) => {
    const figures = found.runs.find((run) => lineOf(run) === of)?.figures[id];
    const measured = ratio(unit, figures?.[against], figures?.[oursIn(found.suite)]);
    return measured === undefined ? '–' : times(measured.median);
  });
  return [[title, as, ...cells]];
}

function lineOf({ node }: Results): number {
  return Number.parseInt(node, 10);
}

const [BEGIN, END] = ['<!-- headline: made by npm run bench:report -->', '<!-- /headline -->'];

/** The README with the table in its place. @throws Error where it has none */
export function withHeadline(readme: string, measured: readonly Measured[]): string {
  const [before, rest] = readme.split(BEGIN);
  const [, after] = rest?.split(END) ?? [];
  if (after === undefined) throw new Error(`Expected the README to have a place for the figures: ${BEGIN} … ${END}`);
  return `${before}${BEGIN}\n\n${headline(measured)}\n\n${END}${after}`;
}
