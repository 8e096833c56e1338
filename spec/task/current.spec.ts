import { describe, expect, it } from 'vitest';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, type CancellationToken, currentToken } from '../../lib/core/index.ts';
import { cancellable, iterate, run, scope, share, shield, unwrap, waitAll } from '../../lib/task/index.ts';

describe('the current token', () => {
  it('of a task is its own, in whatever way it was started: what takes the current one by itself is cancelled with it', async () => {
    const source = new CancellationSource();
    const seen = async (token: CancellationToken) => {
      const before = currentToken();
      await undefined;
      return before === token && currentToken() === token;
    };
    const found = await runWithToken(source.token, () =>
      Promise.all([
        run(seen).then(unwrap),
        waitAll([seen, seen]).then((outcome) => unwrap(outcome).every(Boolean)),
        scope(async ({ spawn, token }) => (await seen(token)) && unwrap(await spawn(seen).ended)),
        shield(seen, { timeout: 1000 }),
        share(seen)(source.token),
        cancellable(async () => currentToken() !== source.token)(source.token),
        iterate(async function* (token) {
          yield await seen(token);
        }, source.token)
          .next()
          .then(({ value }) => value),
      ]),
    );
    expect(found).toEqual(found.map(() => true));
  });
});
