// Linked by `CancelToken.source([parent])`, released by `close()`; a timer cancels the source, as its guide shows. The
// package that is measured is the renamed one's old name and holds the same code.
import { type CancelSource, type CancelSubscription, CancelToken } from '@esfx/async-canceltoken';
import { type Peer, Timed } from './peer.ts';

type Child = CancelSource | Timed<CancelSource>;

const reason = new Error('shutdown');

class Esfx implements Omit<Peer<CancelSource, CancelToken, Child, CancelSubscription>, 'signal'> {
  root(): CancelSource {
    return CancelToken.source();
  }
  token(root: CancelSource): CancelToken {
    return root.token;
  }
  cancel(root: CancelSource): void {
    root.cancel();
  }
  cancelWith(root: CancelSource): void {
    root.cancel(reason);
  }
  poll(token: CancelToken): boolean {
    return token.signaled;
  }
  register(token: CancelToken, callback: () => void): CancelSubscription {
    return token.subscribe(callback);
  }
  unregister(subscription: CancelSubscription): void {
    subscription.unsubscribe();
  }
  child(parent: CancelToken): Child {
    return CancelToken.source([parent]);
  }
  childToken(child: Child): CancelToken {
    return child instanceof Timed ? child.source.token : child.token;
  }
  close(child: Child): void {
    if (child instanceof Timed) {
      clearTimeout(child.timer);
      child.source.close();
    } else child.close();
  }
  request(parent: CancelToken, ms: number): Child {
    const source = CancelToken.source([parent]);
    return new Timed(source, ms, () => source.cancel());
  }
  timeout(ms: number): Child {
    const source = CancelToken.source();
    return new Timed(source, ms, () => source.cancel());
  }
}

export const peer: Esfx = new Esfx();
