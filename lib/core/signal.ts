// AbortSignal, seen from outside the tree: telling one, making one, listening to one, remembering whose it is.

/** True for the platform's signal, of any realm, and for what behaves like one (polyfills). */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

type Events = {
  defaultMaxListeners: number;
  getMaxListeners?(target: EventTarget): number;
  setMaxListeners?(count: number, ...targets: EventTarget[]): void;
};
type Host = { process?: { getBuiltinModule?(name: string): Events | undefined } };

const events = (globalThis as Host).process?.getBuiltinModule?.('events');
/** Node 20 warns of more than 10 listeners to one signal; a token's signal is there to be listened to. */
const limiting = events?.getMaxListeners?.(new AbortController().signal) ? events : undefined;

/**
 * Makes a signal of our own, without a limit. Node 20 notes on each signal the limit that holds when it is made: to
 * change that meanwhile costs nothing, to change it on the signal a third of what the signal itself costs.
 */
export function unlimited(make: () => AbortSignal): AbortSignal {
  if (limiting === undefined) return make();
  const limit = limiting.defaultMaxListeners;
  limiting.defaultMaxListeners = Number.POSITIVE_INFINITY;
  try {
    return make();
  } finally {
    limiting.defaultMaxListeners = limit;
  }
}

/** Takes the limit off a signal that is there already, unless it is frozen: it is noted on the signal. */
export function lift(signal: AbortSignal): AbortSignal {
  if (limiting !== undefined && Object.isExtensible(signal))
    limiting.setMaxListeners?.(Number.POSITIVE_INFINITY, signal);
  return signal;
}

/**
 * Listens for the abort of a foreign signal. The event alone proves nothing, as anybody may dispatch one.
 *
 * @returns stops listening
 */
export function listen(signal: AbortSignal, aborted: () => void): () => void {
  const listener = (): void => {
    if (signal.aborted) aborted();
  };
  signal.addEventListener('abort', listener);
  return () => signal.removeEventListener('abort', listener);
}

/** A constructor that hands back the object it is given: a subclass's private field is put onto that very object. */
function returned(instance: object): object {
  return instance;
}
const Returned = returned as unknown as new (instance: object) => object;

/**
 * Remembers which token a signal belongs to, in a private field of the signal itself: five times cheaper than a WeakMap,
 * and collected with the signal. On Node 20 a WeakMap is cheaper at first; a million signals later its table is dearer.
 */
export class SignalOwner extends Returned {
  readonly #token: object;

  private constructor(signal: AbortSignal, token: object) {
    super(signal);
    this.#token = token;
  }

  static set(signal: AbortSignal, token: object): void {
    new SignalOwner(signal, token);
  }

  static of(signal: AbortSignal): object | undefined {
    return #token in signal ? (signal as unknown as SignalOwner).#token : undefined;
  }
}
