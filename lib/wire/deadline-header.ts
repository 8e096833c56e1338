/**
 * The deadline on the wire: remaining time, never a point in time, since two machines do not share a clock.
 *
 * 1. Parsing never throws: a malformed header is a value, to be answered with 400.
 * 2. What is sent is never 0, negative or a fraction: rounded up to a whole millisecond, at least 1.
 * 3. No header means no deadline: `Infinity` here.
 */

/** A header that does not follow the grammar; `expected` is the sentence to answer with. */
export interface MalformedTimeout {
  readonly expected: string;
}

const CONNECT_GRAMMAR = /^[0-9]{1,10}$/;
const CONNECT_MAX = 9_999_999_999;

/** The milliseconds of a `connect-timeout-ms` header: ASCII digits, 1 to 10 of them, a positive integer. */
export function parseTimeout(value: string | undefined): number | MalformedTimeout {
  if (value === undefined) return Infinity;
  const timeout = CONNECT_GRAMMAR.test(value) ? Number(value) : 0;
  if (timeout > 0) return timeout;
  return malformed('connect-timeout-ms', 'a positive whole number of milliseconds, 1 to 10 digits', value);
}

/** The `connect-timeout-ms` value for `remaining` milliseconds; `undefined` when there is no deadline. More than 10 digits are cut to the largest. */
export function formatTimeout(remaining: number): string | undefined {
  return remaining === Infinity ? undefined : String(Math.min(wholeMilliseconds(remaining), CONNECT_MAX));
}

const GRPC_GRAMMAR = /^([0-9]{1,8})([HMSmun])$/;
const GRPC_MAX = 99_999_999;
const MILLISECONDS = { H: 3_600_000, M: 60_000, S: 1_000, m: 1, u: 1e-3, n: 1e-6 } as const;

/** The milliseconds of a `grpc-timeout` header. 0 is taken, as "already expired": grpc-js sends it, whatever the grammar says. */
export function parseGrpcTimeout(value: string | undefined): number | MalformedTimeout {
  if (value === undefined) return Infinity;
  const [, digits, unit] = GRPC_GRAMMAR.exec(value) ?? [];
  if (unit !== undefined) return Number(digits) * MILLISECONDS[unit as keyof typeof MILLISECONDS];
  return malformed('grpc-timeout', '1 to 8 digits and one of the units H M S m u n', value);
}

/** The `grpc-timeout` value: milliseconds while 8 digits hold them, then a coarser unit, rounded down so that no hop gains time. */
export function formatGrpcTimeout(remaining: number): string | undefined {
  if (remaining === Infinity) return undefined;
  const whole = wholeMilliseconds(remaining);
  const unit = (['m', 'S', 'M'] as const).find((unit) => whole / MILLISECONDS[unit] < GRPC_MAX + 1) ?? 'H';
  return `${Math.min(Math.floor(whole / MILLISECONDS[unit]), GRPC_MAX)}${unit}`;
}

function wholeMilliseconds(remaining: number): number {
  return Math.max(1, Math.ceil(remaining));
}

function malformed(name: string, grammar: string, value: string): MalformedTimeout {
  // Cut: the sentence goes back to a peer that may have sent kilobytes.
  const got = value.length > 24 ? `${value.slice(0, 24)}…` : value;
  return { expected: `Expected \`${name}\` to be ${grammar}, got \`${got}\`.` };
}
