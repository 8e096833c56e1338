export { type PostgresServer, requestCancel, type SessionKey } from './cancel-request.ts';
export { Lane } from './lane.ts';
export { type Inflight, type Policy, policyOf, type QueryOptions } from './options.ts';
export type { Begin, Session } from './session.ts';
export { governing } from './statement.ts';
