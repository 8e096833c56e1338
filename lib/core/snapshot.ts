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
  /** The linked children, in order: those that somebody listens to. */
  readonly children: readonly Snapshot[];
}

/** Takes the picture; it changes nothing, and holds no token. */
export function snapshot(token: CancellationToken): Snapshot {
  if (!tree.isToken(token)) throw new TypeError(expected('token', 'a CancellationToken', token));
  type Open = { -readonly [K in keyof Snapshot]: Snapshot[K] } & { children: Snapshot[] };
  const picture = (of: CancellationToken): [Open, readonly CancellationToken[]] => {
    const { state, callbacks, children, rare } = tree.look(of);
    const { reason, deadline } = of;
    return [
      { name: rare?.name, state, reason, deadline, callbacks, signal: rare?.signal !== undefined, children: [] },
      children,
    ];
  };
  const [root, below] = picture(token);
  const rest: [Open, readonly CancellationToken[]][] = [[root, below]];
  const all = [root];
  for (let next = rest.pop(); next !== undefined; next = rest.pop()) {
    for (const child of next[1]) {
      const [open, children] = picture(child);
      next[0].children.push(open);
      all.push(open);
      rest.push([open, children]);
    }
  }
  for (const one of all) {
    Object.freeze(one.children);
    Object.freeze(one);
  }
  return root;
}
