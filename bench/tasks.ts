// Tasks against the libraries that have them too. Each operation is awaited before the next one begins.
import type { Subject, Suite } from './harness.ts';
import { ACX, type Call, cases, EFFECT, EFFECTION, OURS, PLATFORM } from './tasks/cases.ts';
import type { Peer } from './tasks/peer.ts';

/** Loaded one to a process. */
const peers: Record<string, () => Promise<{ peer: Peer }>> = {
  [OURS]: () => import('./tasks/nevermind.ts'),
  [PLATFORM]: () => import('./tasks/platform.ts'),
  [ACX]: () => import('./tasks/abort-controller-x.ts'),
  [EFFECT]: () => import('./tasks/effect.ts'),
  [EFFECTION]: () => import('./tasks/effection.ts'),
};

export const suite: Suite = {
  name: 'tasks',
  title: 'Tasks, in one process',
  implementations: [
    { name: OURS, setup: '`run`, `waitAny` and `waitAll` of async functions, below a token that lives on.' },
    {
      name: PLATFORM,
      setup:
        'The floor, where nobody could stop anything: `await`, `Promise.all`; AsyncLocalStorage for the current token.',
    },
    {
      name: ACX,
      package: 'abort-controller-x',
      setup: '`run(task)` and the function that it returns; `race` and `all` below a signal that lives on.',
    },
    {
      name: EFFECT,
      package: 'effect',
      setup:
        '`Effect.promise(task)` by `Effect.runPromise`; `raceAll`; `all` with unbounded concurrency; `Fiber.interrupt`.',
    },
    { name: EFFECTION, package: 'effection', setup: '`run` of `call(task)`; `race`; `all`; `halt`.' },
  ],
  cases,

  async subject(id, implementation): Promise<Subject | undefined> {
    const { peer } = (await peers[implementation]?.()) ?? {};
    if (peer === undefined) throw new Error(`No implementation ${implementation}`);
    return peer[id as Call]?.();
  },
};
