import type { Line } from './line.ts';
import type { Reception } from './reception.ts';
import { LEFT, type Refusal } from './refusal.ts';
import type { Say, Visit } from './visit.ts';

/**
 * For a framework whose handlers answer with a value: the handler's own, or what is made of a refusal, whichever comes first.
 * The other one is dropped.
 */
export class Voice<T> {
  /** What was said in the handler's place. */
  readonly said: Promise<T>;
  readonly say: Say;
  readonly #line: Line;
  readonly #make: (refusal: Refusal) => T;
  readonly #alone: boolean;
  #decided = false;

  /** @param how whether the request has one handler, or several of which each gives a part of the answer */
  constructor(line: Line, make: (refusal: Refusal) => T, how: 'alone' | 'several' = 'alone') {
    this.#line = line;
    this.#make = make;
    this.#alone = how === 'alone';
    let resolve!: (value: T) => void;
    this.said = new Promise((settle) => {
      resolve = settle;
    });
    // Once the handler's answer was taken, what is left to say is that it must not come to its end.
    this.say = (refusal) => (this.#decided ? line.cut() : resolve(make(refusal)));
  }

  /** Rejects with what the handler throws, unless that is the request's own cancel, or comes too late. */
  async first(visit: Visit, handler: () => T | PromiseLike<T>): Promise<T> {
    let late = false;
    const handled = this.#handled(visit, handler).catch((error) => {
      if (!late) throw error;
      visit.unheard(error);
      return this.said;
    });
    const value = await Promise.race([this.said, handled]);
    late = true;
    this.#decided = this.#alone;
    return value;
  }

  /** For whom nobody waits. */
  left(): T {
    return this.#make(LEFT);
  }

  async #handled(visit: Visit, handler: () => T | PromiseLike<T>): Promise<T> {
    const value = await visit.handle(handler);
    if (value !== undefined || !visit.moot) return value as T;
    return visit.deserted || this.#line.begun ? this.left() : this.said;
  }
}

/**
 * Takes a request in whose handler answers with a web `Response`, and answers with one: the handler's, or in its place what `make`
 * makes of a refusal. Rejects with what the handler throws, unless that is the request's own cancel.
 *
 * @param make default: {@link Reception.response}
 */
export async function respond(
  reception: Reception,
  line: Line,
  handler: (visit: Visit) => Response | PromiseLike<Response>,
  make: (refusal: Refusal) => Response = (refusal) => reception.response(refusal),
): Promise<Response> {
  const voice = new Voice(line, make);
  const visit = reception.receive(line, voice.say);
  if (visit === undefined) {
    const gone = line.over;
    line.release?.();
    return gone ? voice.left() : voice.said;
  }
  try {
    const response = await voice.first(visit, () => handler(visit));
    return line.carry?.(response) ?? response;
  } catch (error) {
    line.release?.();
    throw error;
  }
}
