// Who is told how much time is left, and how.
import { expected } from '../core/index.ts';
import {
  formatGrpcTimeout,
  formatTimeout,
  GRPC_TIMEOUT_HEADER,
  parseGrpcTimeout,
  parseTimeout,
  TIMEOUT_HEADER,
} from '../wire/index.ts';

/**
 * Which hosts are told the remaining time: none (false, the default), those in a list ('api.internal', or 'localhost:8080' for
 * one port only; no URLs, no patterns), those that a function says yes to, or all (true).
 */
export type PropagateDeadline = boolean | readonly string[] | ((url: URL) => boolean);

export interface DeadlineOptions {
  readonly propagateDeadline?: PropagateDeadline | undefined;
  /** The header that says it; default 'connect-timeout-ms', in whole milliseconds. 'grpc-timeout' is written by gRPC's grammar. */
  readonly deadlineHeader?: string | undefined;
}

/** The rule, ready to be asked for each request. */
export class DeadlineRule {
  /** In lower case. */
  readonly header: string;
  readonly #allows: (url: URL | undefined) => boolean;
  /** Spares the search for the URL where the answer is known. */
  readonly silent: boolean;

  /** @throws TypeError that names the option */
  constructor({ propagateDeadline = false, deadlineHeader = TIMEOUT_HEADER }: DeadlineOptions) {
    if (typeof deadlineHeader !== 'string' || !/^[\w!#$%&'*+.^`|~-]+$/.test(deadlineHeader)) {
      throw new TypeError(expected('deadlineHeader', 'the name of a header', deadlineHeader));
    }
    this.header = deadlineHeader.toLowerCase();
    this.silent = propagateDeadline === false;
    this.#allows = predicate(propagateDeadline);
  }

  /** @param url undefined where it is none: a path alone, for a fetch that knows whose */
  allows(url: URL | undefined): boolean {
    return this.#allows(url);
  }

  /**
   * What the header is to say of so many milliseconds.
   *
   * @param present what it says already; the less of the two holds, as for a child's deadline
   * @returns undefined when it is to stay as it is
   */
  value(remaining: number, present: string | undefined): string | undefined {
    const grpc = this.header === GRPC_TIMEOUT_HEADER;
    const said = (grpc ? parseGrpcTimeout : parseTimeout)(present);
    if (typeof said === 'number' && said <= remaining) return undefined;
    return (grpc ? formatGrpcTimeout : formatTimeout)(remaining);
  }
}

function predicate(allowed: PropagateDeadline): (url: URL | undefined) => boolean {
  if (typeof allowed === 'boolean') return () => allowed;
  if (typeof allowed === 'function') return (url) => url !== undefined && allowed(url);
  if (!Array.isArray(allowed)) throw new TypeError(expected('propagateDeadline', WHAT, allowed));
  const hosts = new Set(allowed.map(hostOf));
  return (url) => {
    if (url === undefined) return false;
    const { hostname, port, protocol } = url;
    return hosts.has(hostname) || hosts.has(`${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`);
  };
}

const WHAT = "a boolean, a function, or a list of hosts such as 'api.internal' or 'localhost:8080'";

/** As a URL has it, but for the port, which that drops where its scheme implies it. */
function hostOf(entry: unknown): string {
  const url = `http://${/^(?!\[).*:.*:/.test(String(entry)) ? `[${entry}]` : entry}`;
  if (typeof entry !== 'string' || !/^[^\s/\\?#@*]+$/.test(entry) || !URL.canParse(url)) {
    throw new TypeError(expected('propagateDeadline', WHAT, entry));
  }
  const [, port] = /:0*(\d+)$/.exec(url) ?? [];
  const { hostname } = new URL(url);
  return port === undefined ? hostname : `${hostname}:${port}`;
}
