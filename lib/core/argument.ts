import { type CancelDetails, CancelReason, isReason } from './reason.ts';

/** What came, for a message: value and type, never throwing, never long. */
function shown(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (typeof value === 'string') return `'${value.length > 40 ? `${value.slice(0, 40)}…` : value}' (string)`;
  if (typeof value === 'object') return `an object of ${className(value)} class`;
  return typeof value === 'function' ? 'a function' : `${String(value)} (${typeof value})`;
}

/** What comes may be anything: a proxy that was revoked, a getter that throws. */
function className(value: object): string {
  try {
    const { name } = value.constructor;
    return typeof name === 'string' && name !== '' ? name : 'no';
  } catch {
    return 'no';
  }
}

/** Builds "Expected `name` to be …, got …"; every argument check of the library speaks this way. */
export function expected(name: string, what: string, got: unknown): string {
  return `Expected \`${name}\` to be ${what}, got ${shown(got)}.`;
}

export function checkMilliseconds(name: string, value: unknown): asserts value is number {
  if (typeof value !== 'number') throw new TypeError(expected(name, 'a number of milliseconds', value));
  if (Number.isNaN(value)) throw new RangeError(expected(name, 'a number of milliseconds', value));
}

export function checkDeadline(name: string, value: unknown): asserts value is number {
  const what = 'a time on the monotonic clock, that is clock.now() plus milliseconds';
  if (typeof value !== 'number') throw new TypeError(expected(name, what, value));
  if (Number.isNaN(value)) throw new RangeError(expected(name, what, value));
}

const optionNames: readonly string[] = ['parent', 'timeout', 'deadline', 'name', 'onCallbackError'];

/** Rejects what holds none of our options and is no plain object either: a list, a source, another library's token. */
export function checkOptions(what: string, value: unknown): asserts value is object {
  if (typeof value === 'object' && value !== null) {
    // What nearly all options hold, asked first: the prototype costs a child with a deadline a tenth of its price.
    if ((value as { timeout?: unknown }).timeout !== undefined) return;
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype === null || Object.getPrototypeOf(prototype) === null) return;
    if (optionNames.some((name) => name in value)) return;
  }
  throw new TypeError(expected('options', what, value));
}

export function checkReason(value: unknown): asserts value is CancelReason {
  if (!isReason(value)) throw unknownReason(value);
}

function unknownReason(value: unknown): TypeError {
  return new TypeError(expected('reason', `one of ${Object.keys(CancelReason).join(', ')}`, value));
}

export function checkDetails(value: unknown): asserts value is CancelDetails {
  if (typeof value !== 'object' || value === null) {
    throw new TypeError(expected('details', 'an object { description?, cause? }', value));
  }
  const { description } = value as CancelDetails;
  if (description !== undefined && typeof description !== 'string') {
    throw new TypeError(expected('details.description', 'a string', description));
  }
}

export function checkFunction(name: string, value: unknown): void {
  if (typeof value !== 'function') throw new TypeError(expected(name, 'a function', value));
}

export function checkCallback(value: unknown): void {
  if (typeof value === 'function') return;
  if (typeof (value as { onCancelled?: unknown } | null)?.onCancelled === 'function') return;
  throw new TypeError(expected('callback', 'a function, or an object with a method `onCancelled`', value));
}

export function checkName(value: unknown): asserts value is string {
  if (typeof value !== 'string') throw new TypeError(expected('name', 'a string', value));
}
