import type { CancelReason } from '../../../lib/core/index.ts';

/** One cancel; whoever it reached has this very object. */
export type Cancel = { readonly reason: CancelReason; readonly order: number };
type State = 'live' | 'closed' | Cancel;
interface Node {
  state: State;
  readonly parents: readonly number[];
  readonly all: boolean;
  /** It has a source or a signal: something of its own that can cancel it. */
  readonly own: boolean;
  at: number;
}

/** What the core promises, said as simply as it can be: every cancel at once marks whatever it reaches. */
export class Model {
  /** In the order of their making, so parents come before their children. The first one is `none`. */
  readonly nodes: Node[] = [{ state: 'closed', parents: [], all: false, own: false, at: Number.POSITIVE_INFINITY }];

  #cancels = 0;

  cancelOf(i: number): Cancel | undefined {
    const { state } = this.nodes[i]!;
    return typeof state === 'object' ? state : undefined;
  }
  canBeCancelled(i: number): boolean {
    const { state, own, all, parents } = this.nodes[i]!;
    if (state !== 'live') return state !== 'closed';
    return own || (all ? parents.every((p) => this.canBeCancelled(p)) : parents.some((p) => this.canBeCancelled(p)));
  }
  deadline(i: number): number {
    const { state, at, all, parents } = this.nodes[i]!;
    if (state === 'closed') return Number.POSITIVE_INFINITY;
    // Whoever waits for all waits no more for those that are cancelled.
    const theirs = parents.filter((p) => this.cancelOf(p) === undefined).map((p) => this.deadline(p));
    return Math.min(at, all ? Math.max(...theirs) : Math.min(...theirs));
  }
  add(parents: readonly number[], own: boolean, all = false): number {
    const cancels = parents.map((p) => this.cancelOf(p)).filter((cancel) => cancel !== undefined);
    const last = cancels.toSorted((a, b) => b.order - a.order)[0];
    const cancel = all ? cancels.length === parents.length && last : cancels[0];
    this.nodes.push({ state: cancel || 'live', parents, all, own, at: Number.POSITIVE_INFINITY });
    return this.nodes.length - 1;
  }
  cancel(i: number, reason: CancelReason): boolean {
    if (this.nodes[i]!.state !== 'live') return false;
    const cancel: Cancel = { reason, order: ++this.#cancels };
    this.nodes[i]!.state = cancel;
    for (const node of this.nodes) {
      const gone = node.parents.filter((p) => this.cancelOf(p) !== undefined).length;
      if (node.state === 'live' && gone > 0 && (!node.all || gone === node.parents.length)) node.state = cancel;
    }
    return true;
  }
}
