import type { CancellationError, CancellationToken } from '../../../../lib/core/index.ts';

/** Why a token was cancelled, when it is. */
export const heard = (token: CancellationToken): Promise<CancellationError> =>
  new Promise((resolve) => token.onCancel(resolve));

/** Work that only a cancel ends. */
export const hangs = (token: CancellationToken): Promise<never> => new Promise((_, reject) => token.onCancel(reject));
