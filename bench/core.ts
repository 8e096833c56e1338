// The core against the platform and its peers. Every call is synchronous and nothing does any input or output.
import { ANY, ESFX, LISTENER, OURS, PREX, rows, TIMER, VSCODE } from './core/rows.ts';
import type { Subject, Suite } from './harness.ts';
import type { Peer } from './peers/peer.ts';

type Any = Peer<unknown, unknown, unknown, unknown>;

/** Loaded one to a process. */
const peers: Record<string, () => Promise<{ peer: Partial<Any> }>> = {
  [OURS]: () => import('./peers/nevermind.ts'),
  [LISTENER]: () => import('./peers/native-listener.ts'),
  [ANY]: () => import('./peers/native-any.ts'),
  [PREX]: () => import('./peers/prex.ts'),
  [VSCODE]: () => import('./peers/vscode-jsonrpc.ts'),
  [ESFX]: () => import('./peers/esfx.ts'),
  [TIMER]: () => import('./peers/set-timeout.ts'),
};

export const suite: Suite = {
  name: 'core',
  title: 'The core, in one process',
  implementations: [
    {
      name: OURS,
      setup: '`token.child()`, `token.onCancel(callback)`, `close()`; a deadline is an option of the child.',
    },
    {
      name: LISTENER,
      setup:
        'An AbortController for each child, a listener on its parent that forwards the abort, a timer; all taken back.',
    },
    {
      name: ANY,
      setup: '`AbortSignal.any([parent])`, with `AbortSignal.timeout(ms)` for a deadline. Nothing can be taken back.',
    },
    {
      name: PREX,
      package: 'prex',
      setup: '`new CancellationTokenSource([parent])`, `close()`; a timer for a deadline.',
    },
    {
      name: VSCODE,
      package: 'vscode-jsonrpc',
      setup: 'A CancellationTokenSource for each child, subscribed to its parent, `dispose()`; a timer for a deadline.',
    },
    {
      name: ESFX,
      package: '@esfx/async-canceltoken',
      setup: '`CancelToken.source([parent])`, `close()`; a timer for a deadline.',
    },
    { name: TIMER, setup: 'The floor for a deadline: `setTimeout`, `unref`, `clearTimeout`, and nobody to cancel.' },
  ],
  cases: rows,

  async subject(id, implementation): Promise<Subject | undefined> {
    const row = rows.find((one) => one.id === id);
    const { peer } = (await peers[implementation]?.()) ?? {};
    if (row === undefined || peer === undefined) throw new Error(`No case ${id} for ${implementation}`);
    if (implementation === ANY && row.noChild) return undefined;
    const needs = row.needs ?? ['root', 'token'];
    return needs.every((call) => call in peer) ? row.make(peer as Any) : undefined;
  },
};
