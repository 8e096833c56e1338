import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import {
  CancelCell,
  CancellationError,
  CancellationSource,
  CancellationToken,
  type ChildOptions,
  expected,
  type Instrument,
  pendingAlarms,
  type SourceOptions,
  setClock,
  setCurrentToken,
  setInstrument,
  snapshot,
  toToken,
} from '../../lib/core/index.ts';

const primitives = [null, true, 0, 7, 10n, '', 'text', Symbol('sign')];
const objects = [{}, [], new Date(0), new Map(), Promise.resolve(), /x/];
const functions = [() => 1, class Some {}];

const noNumber = [...primitives.filter((value) => typeof value !== 'number'), ...objects, ...functions];
const noString = [...primitives.filter((value) => typeof value !== 'string'), ...objects, ...functions];
const noFunction = [...primitives, ...objects];
const noReason = [...primitives, ...objects, ...functions, 'cancelled', 'canceled', 'toString', '__proto__'];
const foreignTokens = [
  { isCancellationRequested: false, onCancellationRequested: () => undefined },
  { canBeCanceled: true, register: () => undefined },
  new CancellationSource(),
  new AbortController(),
  { aborted: false },
  new EventTarget(),
];
const lists = [[], new Map()];
const noToken = [...primitives, {}, new Date(0), Promise.resolve(), ...functions, ...foreignTokens];
const noOptions = [...primitives, ...functions, ...objects.slice(1), ...foreignTokens.slice(2, 4)];

type Case = [what: string, call: (value: never) => unknown, values: readonly unknown[], names: string];

const source = new CancellationSource();
const { token } = source;
const after = () => () => undefined;
const now = () => 0;

const wrongType: Case[] = [
  ['new CancellationError(reason)', (v) => new CancellationError(v), noReason, 'reason'],
  ['new CancellationError(, details)', (v) => new CancellationError('TIMEOUT', v), [...primitives, after], 'details'],
  [
    'new CancellationError(, { description })',
    (description) => new CancellationError('TIMEOUT', { description }),
    noString,
    'details.description',
  ],
  ['new CancellationSource(options)', (v) => new CancellationSource(v), noOptions, 'options'],
  ['new CancellationSource({ parent })', (parent) => new CancellationSource({ parent }), noToken, 'parent'],
  [
    'new CancellationSource({ parent: [] })',
    (last) => new CancellationSource({ parent: [token, last] }),
    [...noToken, undefined],
    'parent',
  ],
  ['new CancellationSource({ timeout })', (timeout) => new CancellationSource({ timeout }), noNumber, 'timeout'],
  ['new CancellationSource({ deadline })', (deadline) => new CancellationSource({ deadline }), noNumber, 'deadline'],
  ['new CancellationSource({ name })', (name) => new CancellationSource({ name }), noString, 'name'],
  [
    'new CancellationSource({ onCallbackError })',
    (onCallbackError) => new CancellationSource({ onCallbackError }),
    noFunction,
    'onCallbackError',
  ],
  ['source.cancel(reason)', (v) => source.cancel(v), noReason, 'reason'],
  ['source.cancel(, details)', (v) => source.cancel('TIMEOUT', v), [...primitives, after], 'details'],
  [
    'source.cancel(, { description })',
    (description) => source.cancel('TIMEOUT', { description }),
    noString,
    'details.description',
  ],
  ['source.cancelAsync(reason)', (v) => source.cancelAsync(v), noReason, 'reason'],
  ['source.cancelAsync(, details)', (v) => source.cancelAsync('TIMEOUT', v), [...primitives, after], 'details'],
  ['source.cancelAfter(ms)', (v) => source.cancelAfter(v), [...noNumber, undefined], 'ms'],
  ['token.onCancel(callback)', (v) => token.onCancel(v), [...primitives, ...objects, undefined], 'callback'],
  ['token.child(options)', (v) => token.child(v), [...noOptions, token, token.signal], 'options'],
  ['token.child({ timeout })', (timeout) => token.child({ timeout }), noNumber, 'timeout'],
  ['token.child({ deadline })', (deadline) => token.child({ deadline }), noNumber, 'deadline'],
  ['token.child({ name })', (name) => token.child({ name }), noString, 'name'],
  ['token.child({ onCallbackError })', (v) => token.child({ onCallbackError: v }), noFunction, 'onCallbackError'],
  ['CancellationToken.cancelled(reason)', (v) => CancellationToken.cancelled(v), noReason, 'reason'],
  ['CancellationToken.cancelled(, d)', (v) => CancellationToken.cancelled('TIMEOUT', v), primitives, 'details'],
  [
    'CancellationToken.any(token, …)',
    (v) => CancellationToken.any(token, v),
    [...noToken, undefined, ...lists],
    'tokens',
  ],
  [
    'CancellationToken.all(token, …)',
    (v) => CancellationToken.all(token, v),
    [...noToken, undefined, ...lists],
    'tokens',
  ],
  ['CancellationToken.from(signal)', (v) => CancellationToken.from(v), [...noToken, undefined, token], 'signal'],
  ['CancellationToken.timeout(ms)', (v) => CancellationToken.timeout(v), [...noNumber, undefined], 'ms'],
  ['new CancelCell().flip(reason)', (v) => new CancelCell().flip(v), [...noReason, undefined], 'reason'],
  ['new CancelCell().flip(reason, )', (v) => new CancelCell().flip(v, -1), noReason, 'reason'],
  ['new CancelCell().flip(, epoch)', (v) => new CancelCell().flip('TIMEOUT', v), noNumber, 'epoch'],
  ['setClock(clock)', (v) => setClock(v), [...noFunction, ...functions, undefined, { now }, { after }], 'clock'],
  ['setCurrentToken(next)', (v) => setCurrentToken(v), [...noFunction, undefined, token], 'next'],
  ['setCurrentToken(, run)', (v) => setCurrentToken(() => token, v), noFunction, 'nextRun'],
  ['setInstrument(instrument)', (v) => setInstrument(v), [...primitives, after], 'instrument'],
  ['snapshot(token)', (v) => snapshot(v), [...noToken, undefined, token.signal], 'token'],
  ['toToken(name, value)', (v) => toToken('here', v), [...noToken, undefined], 'here'],
];

const wrongValue: Case[] = [
  ['new CancellationSource({ timeout })', (timeout) => new CancellationSource({ timeout }), [Number.NaN], 'timeout'],
  [
    'new CancellationSource({ deadline })',
    (deadline) => new CancellationSource({ deadline }),
    [Number.NaN],
    'deadline',
  ],
  ['source.cancelAfter(ms)', (v) => source.cancelAfter(v), [Number.NaN], 'ms'],
  ['token.child({ timeout })', (timeout) => token.child({ timeout }), [Number.NaN], 'timeout'],
  ['token.child({ deadline })', (deadline) => token.child({ deadline }), [Number.NaN], 'deadline'],
  ['CancellationToken.timeout(ms)', (v) => CancellationToken.timeout(v), [Number.NaN], 'ms'],
];

function thrownBy(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  return 'nothing';
}

describe('E21: wrong arguments throw at the call, say what was expected and what came, and leave nothing behind', () => {
  const events: string[] = [];
  const watch: Instrument = {
    created: () => events.push('created'),
    cancelRequested: () => events.push('cancelRequested'),
    closed: () => events.push('closed'),
  };
  beforeEach(() => {
    events.length = 0;
    setInstrument(watch);
  });
  afterEach(() => {
    setInstrument(undefined);
  });

  const refuses = (kind: ErrorConstructor, [, call, values, names]: Case): void => {
    for (const value of values) {
      const error = thrownBy(() => call(value as never));
      expect(error, `${typeof value}`).toBeInstanceOf(kind);
      expect((error as Error).constructor).toBe(kind);
      expect((error as Error).message).toMatch(new RegExp(`^Expected \`${names}\` to be [^\`]+.*, got .+\\.$`));
    }
    // A cell makes its first source when it is made; all else must not have begun.
    expect(events.filter((event) => event !== 'created' || !names.match(/epoch|reason/))).toEqual([]);
    expect(snapshot(token)).toMatchObject({ state: 'live', callbacks: 0, children: [] });
    expect(pendingAlarms()).toBe(0);
  };

  it.each(wrongType)('TypeError: %s', (...row) => refuses(TypeError, row));
  it.each(wrongValue)('RangeError: %s', (...row) => refuses(RangeError, row));

  it('a token cannot be made by hand', () => {
    const Token = CancellationToken as unknown as new (...args: unknown[]) => CancellationToken;
    for (const key of [undefined, Symbol('made by this file'), token]) expect(() => new Token(key)).toThrow(TypeError);
    expect(() => new Token()).toThrow(/comes from a CancellationSource/);
  });

  it('what is missing is not wrong', () => {
    const blank = {
      parent: undefined,
      timeout: undefined,
      deadline: undefined,
      name: undefined,
      onCallbackError: undefined,
    };
    expect(new CancellationSource(blank).token.canBeCancelled).toBe(true);
    expect(new CancellationSource({}).cancel(undefined, undefined)).toBe(true);
    expect(new CancellationSource().cancel('TIMEOUT', { description: undefined, cause: undefined })).toBe(true);
    expect(token.child(undefined).token.cancelled).toBe(false);
    expect(new CancellationSource({ parent: [] }).token.cancelled).toBe(false);
    expect(new CancelCell().flip('TIMEOUT', undefined)).toBe(true);
  });

  it.each([
    ['parent', CancellationToken.cancelled('TIMEOUT')],
    ['timeout', 0],
    ['timeout', undefined],
    ['deadline', 0],
    ['name', 'own'],
    ['onCallbackError', () => undefined],
  ])('options may be of any class that holds one of them: %s', (name, value) => {
    class Options {}
    Object.defineProperty(Options.prototype, name, { get: () => value });
    const reason = typeof value === 'number' || name === 'parent' ? 'TIMEOUT' : undefined;
    expect(new CancellationSource(new Options() as SourceOptions).token.reason).toBe(reason);
    if (name !== 'parent') expect(token.child(new Options() as ChildOptions).token.reason).toBe(reason);
  });

  it('options may have no prototype', () => {
    expect(new CancellationSource(Object.create(null)).token.cancelled).toBe(false);
    expect(new CancellationSource(Object.assign(Object.create(null), { timeout: 0 })).token.cancelled).toBe(true);
  });
});

describe('a message', () => {
  it.each([
    [undefined, 'undefined'],
    [null, 'null'],
    ['soon', "'soon' (string)"],
    ['x'.repeat(41), `'${'x'.repeat(40)}…' (string)`],
    ['x'.repeat(40), `'${'x'.repeat(40)}' (string)`],
    [Number.NaN, 'NaN (number)'],
    [10n, '10 (bigint)'],
    [Symbol('s'), 'Symbol(s) (symbol)'],
    [true, 'true (boolean)'],
    [() => 1, 'a function'],
    [{}, 'an object of Object class'],
    [[], 'an object of Array class'],
    [Object.create(null), 'an object of no class'],
    [{ constructor: { name: Symbol('s') } }, 'an object of no class'],
    [new (class {})(), 'an object of no class'],
    [
      Object.defineProperty({}, 'constructor', {
        get: () => {
          throw new Error('hostile');
        },
      }),
      'an object of no class',
    ],
  ])('shows what came: %#', (value, shown) => {
    expect(expected('name', 'a thing', value)).toBe(`Expected \`name\` to be a thing, got ${shown}.`);
  });

  it('names the reasons there are', () => {
    expect(() => source.cancel('NOPE' as never)).toThrow(
      "Expected `reason` to be one of CANCELLED, PEER_CLOSED, TIMEOUT, SHUTDOWN, got 'NOPE' (string).",
    );
  });
});
