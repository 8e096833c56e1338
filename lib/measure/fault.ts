import { CancellationSource, CancellationToken, clock } from '../core/index.ts';

/** What can be wrong with a hop on purpose, to see a gate fail: it hands cancels on late, or does not hand on each tenth. */
export type Fault = { readonly delayMs: number } | 'lost';

const EACH = 10;

/** Gives each call the token to hand on in place of its own. */
export function faulty(fault: Fault | null): (token: CancellationToken) => CancellationToken {
  if (fault === null) return (token) => token;
  let calls = 0;
  if (fault === 'lost') return (token) => (++calls % EACH === 0 ? CancellationToken.none : token);
  return (token) => {
    const late = new CancellationSource();
    token.onCancel(({ reason }) => clock.after(fault.delayMs, () => late.cancel(reason)));
    return late.token;
  };
}
