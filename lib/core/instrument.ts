import { expected } from './argument.ts';
import type { CancelReason } from './reason.ts';

/**
 * What an inspector may listen to. Tokens are passed as plain objects: an instrument can tell them apart and ask
 * `snapshot`, nothing else. An instrument must not throw and must not cancel.
 */
export interface Instrument {
  created?(token: object, parents: readonly object[]): void;
  /** The request, once per token that `cancel` or a deadline was aimed at; `reached` follows for each token notified. */
  cancelRequested?(token: object, reason: CancelReason): void;
  reached?(token: object, reason: CancelReason): void;
  /** A callback has returned, thrown (`error`), or, when it is async, settled. */
  callbackRan?(token: object, failed: boolean): void;
  closed?(token: object): void;
}

/** The one slot. Empty, it costs a load and a branch where it is asked. */
export let instrument: Instrument | undefined;

/** Fills or empties the slot and hands back what was there, so that two observers can chain. */
export function setInstrument(next: Instrument | undefined): Instrument | undefined {
  if (next !== undefined && (typeof next !== 'object' || next === null)) {
    throw new TypeError(expected('instrument', 'an object, or undefined for none', next));
  }
  const before = instrument;
  instrument = next;
  return before;
}
