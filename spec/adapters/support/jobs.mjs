// What the threads of a pool run.

import { pooled } from 'nevermind/adapters/piscina';
import { currentToken, runWithToken } from 'nevermind/ambient';
import { CancellationToken } from 'nevermind/core';

runWithToken(CancellationToken.none, () => {});

const ways = {
  echo: ({ value }, token) => ({ value, current: currentToken() === token, can: token.canBeCancelled }),
  /** Turns no event loop. */
  busy({ port }, token) {
    port.postMessage('begun');
    while (!token.cancelled);
    token.throwIfCancelled();
  },
  kept({ port }, token) {
    port.postMessage('begun');
    while (!token.cancelled);
    return token.reason;
  },
  async waits({ port }, token) {
    port.postMessage('begun');
    await new Promise((_, reject) => token.onCancel(reject));
  },
  async gate({ port }) {
    port.postMessage('begun');
    return await new Promise((resolve) => {
      port.once('message', (message) => {
        port.close();
        resolve(message);
      });
    });
  },
  stubborn({ port }) {
    port.postMessage('begun');
    return new Promise(() => {});
  },
  fails() {
    throw new RangeError('out of range');
  },
};

export default pooled((data, token) => ways[data.way](data, token));
export const plain = (data) => Object.keys(data);
