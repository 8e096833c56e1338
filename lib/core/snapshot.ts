import { expected } from './argument.ts';
import type { CancelReason } from './reason.ts';
import type { CancellationToken } from './source.ts';
import { tree } from './tree.ts';

/** A frozen picture of a token and of all that is linked below it. */
export interface Snapshot {
  readonly name: string | undefined;
  readonly state: 'live' | 'cancelled' | 'closed';
  readonly reason: CancelReason | undefined;
  /** Absolute, on `clock.now()`; Infinity when there is none. */
  readonly deadline: number;
  readonly callbacks: number;
  /** Whether its AbortSignal has been made. */
  readonly signal: boolean;
  /**
   * The linked children, in order: those that somebody listens to. A token of several parents stands below each of them,
   * as the same object.
   */
  readonly children: readonly Snapshot[];
}

type Open = Omit<Snapshot, 'children'> & { readonly children: Open[] };

/** Takes the picture; it changes nothing, and holds no token. */
export function snapshot(token: CancellationToken): Snapshot {
  if (!tree.isToken(token)) throw new TypeError(expected('token', 'a CancellationToken', token));
  const root = picture(token, token.deadline);
  const pictures = new Map([[token, root]]);
  // A map hands out what is added while it is walked.
  for (const [parent, open] of pictures) {
    for (const child of tree.look(parent).children) {
      const below = pictures.get(child) ?? picture(child, deadlineBelow(open, child));
      pictures.set(child, below);
      open.children.push(below);
    }
  }
  for (const open of pictures.values()) {
    Object.freeze(open.children);
    Object.freeze(open);
  }
  return root;
}

function picture(token: CancellationToken, deadline: number): Open {
  const { state, callbacks, rare } = tree.look(token);
  const { reason } = token;
  return { name: rare?.name, state, reason, deadline, callbacks, signal: rare?.signal !== undefined, children: [] };
}

/** As `child.deadline`, but without a climb to the root for each token of a deep tree. */
function deadlineBelow(parent: Open, child: CancellationToken): number {
  if (tree.look(child).rare?.top?.relays !== undefined) return child.deadline;
  return Math.min(parent.deadline, tree.kin.deadline(child));
}
