// AbortSignal, seen from outside the tree: telling one, making one, listening to one, remembering whose it is.

/** True for the platform's signal, of any realm, and for what behaves like one (polyfills). */
export function isAbortSignal(value: unknown): value is AbortSignal {
  if (typeof value !== 'object' || value === null) return false;
  const { aborted, addEventListener } = value as Partial<AbortSignal>;
  return typeof aborted === 'boolean' && typeof addEventListener === 'function';
}

type Events = {
  getMaxListeners?(target: EventTarget): number;
  setMaxListeners?(count: number, ...targets: EventTarget[]): void;
};
type Host = { process?: { getBuiltinModule?(name: string): Events } };

/** Node 20 and Bun warn of more than 10 listeners to one signal; a token's signal is there to be listened to. */
const events = (globalThis as Host).process?.getBuiltinModule?.('events');
/** Later lines of Node have no limit. Asked once: to set it costs half as much as the signal itself. */
const limited = events?.getMaxListeners?.(new AbortController().signal) !== 0;

export function unlimited(signal: AbortSignal): AbortSignal {
  // The host notes the limit on the signal itself, which a frozen one does not take.
  if (limited && Object.isExtensible(signal)) events?.setMaxListeners?.(0, signal);
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
 * and collected with the signal.
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
