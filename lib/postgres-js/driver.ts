// What postgres.js shows of itself beyond its types. Its own `begin` stands on the same.
import type { ConnectionOptions } from 'node:tls';
import type { PostgresServer, SessionKey } from '../query/index.ts';

/** A query of the driver, whose `handler` takes it to a connection once somebody waits for it. */
export interface Query extends Promise<unknown> {
  handler: ((query: Query) => void) & { debug?: unknown };
  strings: readonly string[];
  readonly options: { onexecute?: (connection: Connection) => boolean };
  /** Of the connection that runs it: one object for each, whatever session it has. */
  readonly state: SessionKey | null;
  /** It is a cursor. */
  readonly cursorRows?: number;
  /** It is a COPY. */
  readonly streaming?: boolean;
  resolve: (value: unknown) => void;
  reject: (error: unknown) => void;
}

export interface Connection {
  onclose: ((error: unknown) => void) | null | undefined;
  terminate(): void;
}

export interface Options {
  /** Called after a connection has closed, and before the driver opens another one for whoever waits. */
  onclose?: ((id: number) => void) | undefined;
  readonly fetch_types?: boolean;
  readonly host: readonly string[];
  readonly port: readonly number[];
  readonly path?: string | false;
  readonly ssl: boolean | string | ConnectionOptions;
  readonly sslnegotiation?: string | null;
}

export type Method = (...args: unknown[]) => unknown;

/** What the pool, a reserved connection and a transaction are. */
export interface Face {
  (...args: unknown[]): unknown;
  readonly options: Options;
  unsafe(text: string, args?: unknown[], options?: Query['options']): Query;
  file(...args: unknown[]): Query;
  begin(...args: unknown[]): Promise<unknown>;
  savepoint(...args: unknown[]): Promise<unknown>;
  reserve(): Promise<Face>;
  release(): void;
  end: (ending?: { readonly timeout?: number | null }) => Promise<void>;
}

/** What a call of the driver's function has made; the others are identifiers and lists for use inside of queries. */
export function isQuery(made: unknown): made is Query {
  return typeof (made as Partial<Query> | null)?.handler === 'function';
}

/**
 * Stands before what settles a query, also where the driver puts another in its place for each step, as a cursor does.
 *
 * @returns settles it past the listener
 */
export function intercept(
  query: Query,
  name: 'resolve' | 'reject',
  listener: (value: unknown, settle: (value: unknown) => void) => void,
): (value: unknown) => void {
  let settle = query[name];
  const past = (value: unknown): void => settle(value);
  const before = (value: unknown): void => listener(value, past);
  // An accessor costs more than all the rest, and only a cursor needs it.
  if (query.cursorRows === undefined) query[name] = before;
  else void Object.defineProperty(query, name, { get: () => before, set: (other) => (settle = other) });
  return past;
}

/**
 * Whether an error tells that the connection has broken, which is heard before it has closed: the driver gives its own errors of
 * that kind an `errno`, as Node does those of a socket; those of TLS have a code. The server's errors have neither.
 */
export function isLost(error: unknown): boolean {
  if (typeof error !== 'object' || error === null) return false;
  const { errno, code } = error as { errno?: unknown; code?: unknown };
  return errno !== undefined || (typeof code === 'string' && /^ERR_(SSL|TLS|STREAM)/.test(code));
}

/** Where a session may have been opened: the driver does not tell which of several servers it was. */
export function serversOf({ host, port, path, ssl, sslnegotiation }: Options): PostgresServer[] {
  const tls = typeof ssl === 'object' ? ssl : UNVERIFIED.includes(ssl) ? { rejectUnauthorized: false } : {};
  const negotiation = sslnegotiation === 'direct' ? 'direct' : ssl === 'prefer' ? 'prefer' : undefined;
  return host.map((host, index) => ({
    host,
    port: port[index % port.length] as number,
    path: path || undefined,
    tls: ssl === false ? undefined : tls,
    negotiation,
  }));
}

const UNVERIFIED: readonly unknown[] = ['require', 'allow', 'prefer'];
