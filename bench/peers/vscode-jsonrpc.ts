// It links nothing by itself: as its users do, a child subscribes to its parent's event and disposes of that at the end.
// It has neither reasons nor deadlines.
import { type CancellationToken, CancellationTokenSource, type Disposable } from 'vscode-jsonrpc/node';
import { type Peer, timer } from './peer.ts';

interface Child {
  readonly source: CancellationTokenSource;
  readonly link: Disposable | undefined;
  readonly timeout: NodeJS.Timeout | undefined;
}

type Source = CancellationTokenSource;

class Vscode implements Omit<Peer<Source, CancellationToken, Child, Disposable>, 'signal'> {
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
    return token.isCancellationRequested;
  }
  register(token: CancellationToken, callback: () => void): Disposable {
    return token.onCancellationRequested(callback);
  }
  unregister(registration: Disposable): void {
    registration.dispose();
  }
  child(parent: CancellationToken): Child {
    const source = new CancellationTokenSource();
    return { source, link: parent.onCancellationRequested(() => source.cancel()), timeout: undefined };
  }
  childToken(child: Child): CancellationToken {
    return child.source.token;
  }
  close({ source, link, timeout }: Child): void {
    link?.dispose();
    if (timeout !== undefined) clearTimeout(timeout);
    source.dispose();
  }
  request(parent: CancellationToken, ms: number): Child {
    const source = new CancellationTokenSource();
    const link = parent.onCancellationRequested(() => source.cancel());
    return { source, link, timeout: timer(ms, () => source.cancel()) };
  }
  timeout(ms: number): Child {
    const source = new CancellationTokenSource();
    return { source, link: undefined, timeout: timer(ms, () => source.cancel()) };
  }
}

export const peer: Vscode = new Vscode();
