import { constants } from 'node:os';
import type { TlsOptions } from 'node:tls';
import { z } from 'zod';
import { CancellationToken, expected, runAsCurrent } from '../core/index.ts';
import type { ReceptionOptions, ServeOptions } from './options.ts';
import type { Abandoned } from './web-handler.ts';

/** The options, checked, with everything filled in; a limit that is switched off is Infinity. */
export interface Settings {
  readonly port: number;
  readonly host: string;
  readonly tls: TlsOptions | undefined;
  readonly http2: 'h2c' | 'tls' | false;
  readonly requestTimeoutMs: number;
  readonly handlerTimeoutMs: number;
  readonly bodyTimeoutMs: number;
  readonly headersTimeoutMs: number;
  readonly maxTimeoutMs: number;
  readonly maxBodyBytes: number;
  readonly maxRequests: number;
  readonly retryAfter: number | undefined;
  readonly signals: readonly NodeJS.Signals[];
  readonly drain: { readonly graceMs: number; readonly timeoutMs: number };
  readonly fromAmbient: boolean;
  readonly onAbandoned: (abandoned: Abandoned) => void;
  readonly onError: (error: unknown, name: string) => void;
}

const limit = (ms: number) =>
  z
    .custom<number>(
      (value) => typeof value === 'number' && value >= 0,
      'a number of milliseconds, 0 or more (0 switches it off)',
    )
    .default(ms)
    .transform((ms) => (ms === 0 ? Number.POSITIVE_INFINITY : ms));

const count = (what: string) => z.int(what).min(0, what);
const duration = (ms: number) => z.number('a number of milliseconds').default(ms);
const callback = <F>() => z.custom<F>((value) => typeof value === 'function', 'a function').optional();
const signal = z.custom<NodeJS.Signals>(
  (value) => typeof value === 'string' && value in constants.signals,
  "the name of a signal, such as 'SIGTERM'",
);
const PROTOCOL = "'h2c', 'tls' or false";

/** What both kinds of options have. */
const shared = {
  maxTimeoutMs: limit(0),
  maxRequests: count('a number of requests, 0 or more (0 switches it off)').default(0),
  retryAfter: count('a whole number of seconds').optional(),
  drain: z
    .strictObject({ graceMs: duration(10_000), timeoutMs: duration(5_000) }, 'an object { graceMs?, timeoutMs? }')
    .prefault({}),
  fromAmbient: z.boolean('true or false').default(true),
  onAbandoned: callback<(abandoned: Abandoned) => void>(),
  onError: callback<(error: unknown, name: string) => void>(),
};

const schema = z.strictObject({
  port: count('a port, 0 to 65535').max(65_535, 'a port, 0 to 65535').default(0),
  host: z.string('an address or the name of one').default('127.0.0.1'),
  tls: z
    .custom<TlsOptions>(
      (value) => typeof value === 'object' && value !== null,
      'the options of node:tls, { key, cert, … }',
    )
    .optional(),
  http2: z.union([z.literal('h2c'), z.literal('tls'), z.literal(false)], PROTOCOL).optional(),
  requestTimeoutMs: limit(60_000),
  handlerTimeoutMs: limit(30_000),
  bodyTimeoutMs: limit(30_000),
  headersTimeoutMs: limit(30_000),
  maxBodyBytes: count('a number of bytes, 0 or more').default(4 << 20),
  signals: z.array(signal, 'a list of signals').default([]),
  ...shared,
});

/**
 * Checks the options and fills in the defaults.
 *
 * @throws TypeError that names the option, what was expected and what came
 */
export function settingsOf(options: ServeOptions): Settings {
  const data = checked(schema, options);
  const { requestTimeoutMs } = data;
  for (const part of ['handlerTimeoutMs', 'bodyTimeoutMs'] as const) {
    // The default of a part gives way; a value that was chosen does not.
    if (data[part] > requestTimeoutMs && options[part] === undefined) data[part] = requestTimeoutMs;
    checkPart(part, data[part], requestTimeoutMs);
  }
  const suggested = data.tls === undefined ? 'h2c' : 'tls';
  if (data.http2 !== undefined && data.http2 !== false && data.http2 !== suggested) {
    throw new TypeError(
      `Expected \`http2\` to be '${suggested}' or false ${data.tls === undefined ? 'without' : 'with'} \`tls\`, got '${data.http2}'.`,
    );
  }
  return {
    ...data,
    tls: data.tls,
    retryAfter: data.retryAfter,
    http2: data.http2 ?? suggested,
    maxRequests: data.maxRequests || Number.POSITIVE_INFINITY,
    onAbandoned: guarded(data.onAbandoned ?? ignore),
    onError: guarded(data.onError ?? report),
  };
}

/** The options of a reception, checked, with everything filled in; a limit that is switched off is Infinity. */
export type ReceptionSettings = Pick<
  Settings,
  | 'requestTimeoutMs'
  | 'handlerTimeoutMs'
  | 'maxTimeoutMs'
  | 'maxRequests'
  | 'retryAfter'
  | 'drain'
  | 'fromAmbient'
  | 'onAbandoned'
  | 'onError'
>;

const receptionSchema = z.strictObject({ ...shared, handlerTimeoutMs: limit(0), requestTimeoutMs: limit(0) });

/** Like {@link settingsOf}; nothing is limited that was not asked for. */
export function receptionSettingsOf(options: ReceptionOptions): ReceptionSettings {
  checkCalled(options);
  const data = checked(receptionSchema, options);
  // Switched off, it is no part of anything.
  if (data.handlerTimeoutMs !== Number.POSITIVE_INFINITY)
    checkPart('handlerTimeoutMs', data.handlerTimeoutMs, data.requestTimeoutMs);
  return {
    ...data,
    retryAfter: data.retryAfter,
    maxRequests: data.maxRequests || Number.POSITIVE_INFINITY,
    onAbandoned: guarded(data.onAbandoned ?? ignore),
    onError: guarded(data.onError ?? report),
  };
}

/** Mounted without being called, an adapter is called by the framework, with things of the framework's. */
function checkCalled(options: object): void {
  const prototype = options === null || typeof options !== 'object' ? null : Object.getPrototypeOf(options);
  if (prototype === null || prototype === Object.prototype) return;
  const what = 'a plain object of options, in a call of your own: mount what `cancellation()` returns';
  throw new TypeError(expected('options', what, options));
}

function checked<S extends z.ZodObject>(schema: S, options: unknown): z.output<S> {
  const { data, error } = schema.safeParse(options, { reportInput: true });
  if (error !== undefined) throw new TypeError(sentenceOf(error.issues[0] as z.core.$ZodIssue, schema));
  return data;
}

function checkPart(name: string, part: number, requestTimeoutMs: number): void {
  if (part <= requestTimeoutMs) return;
  throw new TypeError(
    `Expected \`requestTimeoutMs\` (${requestTimeoutMs}) to be no less than \`${name}\` (${part}), which is a part of it.`,
  );
}

/**
 * A hook that throws must not take a request with it, or the process. It reports on a request that may well be cancelled; what
 * it sends is not to be cancelled too.
 */
function guarded<A extends unknown[]>(hook: (...args: A) => void): (...args: A) => void {
  return (...args) => {
    try {
      runAsCurrent(CancellationToken.none, () => hook(...args));
    } catch (error) {
      report(error, hook.name === '' ? 'a hook' : hook.name);
    }
  };
}

function report(error: unknown, name: string): void {
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  process.emitWarning(`${name} failed`, { type: 'NevermindServerWarning', detail });
}

function ignore(): void {}

function sentenceOf(issue: z.core.$ZodIssue, schema: z.ZodObject): string {
  if (issue.code === 'unrecognized_keys') {
    const known = Object.keys(schema.shape).join(', ');
    return `Expected no option \`${[...issue.path, issue.keys[0]].join('.')}\`; there are ${known}.`;
  }
  const name = issue.path.length === 0 ? 'options' : issue.path.join('.');
  const what = issue.path.length === 0 ? 'an object' : issue.message;
  return `Expected \`${name}\` to be ${what}, got ${typeof issue.input === 'string' ? `'${issue.input}'` : String(issue.input)}.`;
}
