// What is written by hand today: a controller for each child, a listener on the parent that forwards the abort, a timer,
// and all of it taken back at the end.
import { type Peer, timer } from './peer.ts';

interface Linked {
  readonly controller: AbortController;
  readonly parent: AbortSignal | undefined;
  readonly forward: (() => void) | undefined;
  readonly timeout: NodeJS.Timeout | undefined;
}

const reason = new Error('shutdown');

class NativeListener implements Peer<AbortController, AbortSignal, Linked, undefined> {
  root(): AbortController {
    return new AbortController();
  }
  token(root: AbortController): AbortSignal {
    return root.signal;
  }
  cancel(root: AbortController): void {
    root.abort();
  }
  cancelWith(root: AbortController): void {
    root.abort(reason);
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
  child(parent: AbortSignal): Linked {
    const controller = new AbortController();
    const forward = (): void => controller.abort(parent.reason);
    parent.addEventListener('abort', forward);
    return { controller, parent, forward, timeout: undefined };
  }
  childToken(child: Linked): AbortSignal {
    return child.controller.signal;
  }
  close({ parent, forward, timeout }: Linked): void {
    if (forward !== undefined) parent?.removeEventListener('abort', forward);
    if (timeout !== undefined) clearTimeout(timeout);
  }
  request(parent: AbortSignal, ms: number): Linked {
    const controller = new AbortController();
    const forward = (): void => controller.abort(parent.reason);
    parent.addEventListener('abort', forward);
    return { controller, parent, forward, timeout: timer(ms, () => controller.abort()) };
  }
  timeout(ms: number): Linked {
    const controller = new AbortController();
    return { controller, parent: undefined, forward: undefined, timeout: timer(ms, () => controller.abort()) };
  }
  signal(token: AbortSignal): AbortSignal {
    return token;
  }
}

export const peer: NativeListener = new NativeListener();
