// The platform's own composition. There is nothing to close: a composite goes when it is collected, a timeout when it fires.
import type { Peer } from './peer.ts';

type Native = Peer<AbortController, AbortSignal, AbortSignal, undefined>;

class NativeAny implements Omit<Native, 'cancelWith'> {
  root(): AbortController {
    return new AbortController();
  }
  token(root: AbortController): AbortSignal {
    return root.signal;
  }
  cancel(root: AbortController): void {
    root.abort();
  }
  poll(token: AbortSignal): boolean {
    return token.aborted;
  }
  register(token: AbortSignal, callback: () => void): undefined {
    token.addEventListener('abort', callback);
  }
  unregister(_: undefined, token: AbortSignal, callback: () => void): void {
    token.removeEventListener('abort', callback);
  }
  child(parent: AbortSignal): AbortSignal {
    return AbortSignal.any([parent]);
  }
  childToken(child: AbortSignal): AbortSignal {
    return child;
  }
  close(): void {}
  request(parent: AbortSignal, ms: number): AbortSignal {
    return AbortSignal.any([parent, AbortSignal.timeout(ms)]);
  }
  timeout(ms: number): AbortSignal {
    return AbortSignal.timeout(ms);
  }
  signal(token: AbortSignal): AbortSignal {
    return token;
  }
}

export const peer: NativeAny = new NativeAny();
