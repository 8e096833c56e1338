import { CancellationSource, type CancellationToken, type Registration, type Source } from 'nevermind/core';
import type { Peer } from './peer.ts';

type Child = Source<CancellationToken>;

class Nevermind implements Peer<CancellationSource, CancellationToken, Child, Registration> {
  root(): CancellationSource {
    return new CancellationSource();
  }
  token(root: CancellationSource): CancellationToken {
    return root.token;
  }
  cancel(root: CancellationSource): void {
    root.cancel();
  }
  cancelWith(root: CancellationSource): void {
    root.cancel('SHUTDOWN');
  }
  poll(token: CancellationToken): boolean {
    return token.cancelled;
  }
  register(token: CancellationToken, callback: () => void): Registration {
    return token.onCancel(callback);
  }
  unregister(registration: Registration): void {
    registration.unregister();
  }
  child(parent: CancellationToken): Child {
    return parent.child();
  }
  childToken(child: Child): CancellationToken {
    return child.token;
  }
  close(child: Child): void {
    child.close();
  }
  request(parent: CancellationToken, ms: number): Child {
    return parent.child({ timeout: ms });
  }
  timeout(ms: number): Child {
    return new CancellationSource({ timeout: ms });
  }
  signal(token: CancellationToken): AbortSignal {
    return token.signal;
  }
}

export const peer: Nevermind = new Nevermind();
