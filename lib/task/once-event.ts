import { type Cancellable, expected, toToken } from '../core/index.ts';
import { leaf } from './leaf.ts';

/** What Node's EventEmitter has, and whatever is made after it. */
export interface Emitter {
  on(name: string | symbol, listener: (...args: unknown[]) => void): unknown;
  off(name: string | symbol, listener: (...args: unknown[]) => void): unknown;
}

/**
 * Waits for one event: resolves with the Event, or with the array of what an emitter emitted (as Node's `events.once`).
 * An emitter's `error` rejects, unless it is what was waited for.
 *
 * Cancellation: rejects with the token's error; no listener is left by then, and a later event does not come here.
 *
 * @param target an EventTarget, or an emitter with `on` and `off`
 * @throws TypeError for bad arguments
 */
export function onceEvent(target: EventTarget, name: string, token: Cancellable): Promise<Event>;
export function onceEvent(target: Emitter, name: string | symbol, token: Cancellable): Promise<unknown[]>;
export function onceEvent(
  target: EventTarget | Emitter,
  name: string | symbol,
  token: Cancellable,
): Promise<Event | unknown[]> {
  if (typeof name !== 'string' && typeof name !== 'symbol')
    throw new TypeError(expected('name', "an event's name", name));
  const own = toToken('token', token);
  if (isEventTarget(target)) return leaf(own, (resolve) => listen(target, String(name), resolve));
  if (isEmitter(target)) return leaf(own, (resolve, reject) => attach(target, name, resolve, reject));
  throw new TypeError(expected('target', 'an EventTarget, or an emitter with `on` and `off`', target));
}

function listen(target: EventTarget, name: string, heard: (event: Event) => void): () => void {
  target.addEventListener(name, heard);
  return () => target.removeEventListener(name, heard);
}

function attach(
  target: Emitter,
  name: string | symbol,
  heard: (args: unknown[]) => void,
  failed: (error: unknown) => void,
): () => void {
  const listener = (...args: unknown[]): void => heard(args);
  target.on(name, listener);
  if (name !== 'error') target.on('error', failed);
  return () => {
    target.off(name, listener);
    if (name !== 'error') target.off('error', failed);
  };
}

function isEventTarget(value: unknown): value is EventTarget {
  return typeof (value as Partial<EventTarget> | null)?.addEventListener === 'function';
}

function isEmitter(value: unknown): value is Emitter {
  const { on, off } = (value ?? {}) as Partial<Emitter>;
  return typeof on === 'function' && typeof off === 'function';
}
