export { createFetch, type FetchOptions, type TokenFetch, type TokenRequestInit } from './create-fetch.ts';
export type { DeadlineOptions, PropagateDeadline } from './deadline.ts';

// Above: what users need. Below: what the adapter of undici's dispatchers shares with it.

export { DeadlineRule } from './deadline.ts';
export { expectStreams, withCancelCode } from './cancel-code.ts';
