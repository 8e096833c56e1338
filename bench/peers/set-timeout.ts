// The floor for a deadline: a bare timer of the platform, with nobody to cancel.
import { type Peer, timer } from './peer.ts';

class SetTimeout implements Pick<Peer<never, never, NodeJS.Timeout, never>, 'timeout' | 'close'> {
  timeout(ms: number): NodeJS.Timeout {
    return timer(ms, () => {});
  }
  close(timeout: NodeJS.Timeout): void {
    clearTimeout(timeout);
  }
}

export const peer: SetTimeout = new SetTimeout();
