// Linked by `new CancellationTokenSource([parent])`, released by `close()`. It has neither reasons nor deadlines: a timer
// cancels the source.
import { type CancellationToken, type CancellationTokenRegistration, CancellationTokenSource } from 'prex';
import { type Peer, Timed } from './peer.ts';

type Source = CancellationTokenSource;
type Child = Source | Timed<Source>;

class Prex implements Omit<Peer<Source, CancellationToken, Child, CancellationTokenRegistration>, 'signal'> {
  root(): Source {
    return new CancellationTokenSource();
  }
  token(root: Source): CancellationToken {
    return root.token;
  }
  cancel(root: Source): void {
    root.cancel();
  }
  cancelWith(root: Source): void {
    root.cancel();
  }
  poll(token: CancellationToken): boolean {
    return token.cancellationRequested;
  }
  register(token: CancellationToken, callback: () => void): CancellationTokenRegistration {
    return token.register(callback);
  }
  unregister(registration: CancellationTokenRegistration): void {
    registration.unregister();
  }
  child(parent: CancellationToken): Child {
    return new CancellationTokenSource([parent]);
  }
  childToken(child: Child): CancellationToken {
    return child instanceof Timed ? child.source.token : child.token;
  }
  close(child: Child): void {
    if (child instanceof Timed) {
      clearTimeout(child.timer);
      child.source.close();
    } else child.close();
  }
  request(parent: CancellationToken, ms: number): Child {
    const source = new CancellationTokenSource([parent]);
    return new Timed(source, ms, () => source.cancel());
  }
  timeout(ms: number): Child {
    const source = new CancellationTokenSource();
    return new Timed(source, ms, () => source.cancel());
  }
}

export const peer: Prex = new Prex();
