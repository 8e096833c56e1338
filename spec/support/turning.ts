import type { CancellationSource, CancellationToken } from '../../lib/core/index.ts';

/** A source's token, which is cancelled between a look at it and `onCancel`, as one that another thread shares may be. */
export function turning(source: CancellationSource): CancellationToken {
  const { token } = source;
  const { onCancel } = token;
  const turn = (...args: Parameters<typeof onCancel>) => {
    source.cancel();
    return onCancel.apply(token, args);
  };
  return Object.defineProperty(token, 'onCancel', { value: turn });
}
