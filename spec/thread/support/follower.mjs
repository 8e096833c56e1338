// The other thread. What it is to do comes with the cell; what it has seen goes back by message.
import { parentPort } from 'node:worker_threads';
import { checkpoint, run, sleep } from 'nevermind';
import { CancellationSource, CancellationToken } from 'nevermind/core';
import { shareToken, tokenFromCell } from 'nevermind/thread';

const say = (message) => parentPort.postMessage(message);

const ways = {
  /** Takes no message and turns no event loop. */
  poll(token) {
    let polls = 0;
    while (!token.cancelled) if (++polls === 1_000) say('busy');
    say({ reason: token.reason, name: token.error.name, code: token.error.code });
  },
  throw(token) {
    say('busy');
    try {
      for (;;) token.throwIfCancelled();
    } catch (error) {
      say({ same: error === token.error, reason: error.reason });
    }
  },
  async checkpoint(token) {
    say('busy');
    const outcome = await run(
      async (own) => {
        for (;;) {
          const due = checkpoint(own);
          if (due) await due;
        }
      },
      { token },
    );
    say({ kind: outcome.kind, reason: outcome.error.reason });
  },
  child(token) {
    const { token: grandchild } = token.child().token.child();
    say('busy');
    while (!grandchild.cancelled);
    say({ reason: grandchild.reason, same: grandchild.error === token.error });
  },
  callback(token) {
    token.onCancel((error) => say({ reason: error.reason, signal: token.signal.aborted }));
    setInterval(() => {}, 1_000);
    say('waiting');
  },
  async fetch(token) {
    const { createServer } = await import('node:http');
    const server = createServer(() => say('asked')).listen(0, '127.0.0.1');
    await new Promise((resolve) => server.once('listening', resolve));
    const error = await fetch(`http://127.0.0.1:${server.address().port}`, { signal: token.signal }).catch((e) => e);
    say({ same: error === token.error, reason: token.reason });
    server.closeAllConnections();
    server.close();
  },
  /** Comes and goes as an observer before it stays. */
  again(token) {
    for (let i = 0; i < 100; i++) token.onCancel(() => say('never')).unregister();
    token.onCancel(({ reason }) => say({ reason }));
    setInterval(() => {}, 1_000);
    say('waiting');
  },
  budget(token) {
    say({ left: token.remaining(), cancelled: token.cancelled });
  },
  /** Nothing but the cell would keep the thread. */
  leave(token) {
    token.onCancel(() => say('never'));
    say('leaving');
  },
  stay(token) {
    token.onCancel(() => say('never'));
    setInterval(() => {}, 1_000);
    say('waiting');
  },
  async closed(token) {
    token.onCancel(() => say('never'));
    say('waiting');
    await new Promise((resolve) => parentPort.once('message', resolve));
    await sleep(1, CancellationToken.none);
    say({ cancelled: token.cancelled });
  },
  /** The other way round. */
  share() {
    const source = new CancellationSource();
    say(shareToken(source.token).cell);
    parentPort.once('message', () => source.cancel('SHUTDOWN'));
  },
};

parentPort.once('message', ({ way, cell }) => ways[way](cell && tokenFromCell(cell)));
