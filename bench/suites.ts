import type { Suite } from './harness.ts';

/** What `npm run bench -- NAME` knows, in the order of the report; loaded when it is asked for. */
export const suites: Readonly<Record<string, () => Promise<{ suite: Suite }>>> = {
  core: () => import('./core.ts'),
  tasks: () => import('./tasks.ts'),
  scaling: () => import('./scaling.ts'),
  serve: () => import('./serve.ts'),
  'serve-held': () => import('./serve-held.ts'),
  rpc: () => import('./rpc.ts'),
  propagation: () => import('./propagation.ts'),
};
