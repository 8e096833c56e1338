/**
 * What the processes of a chain tell each other over IPC: who they are, what to do, what they have seen. A cancel never
 * goes this way; it goes over HTTP or not at all.
 */
import type { RpcCode } from '../rpc/index.ts';
import type { Wire } from './carrier.ts';
import type { HopReport } from './contract.ts';
import type { HopSettings } from './hop.ts';
import type { Visit } from './visit.ts';

/** One call as its caller knows it by now; instants as in {@link Visit}. */
export interface CallState {
  readonly call: string;
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** When the first message of a stream had come. */
  readonly streamingAt: number | null;
  /** When the caller said "never mind". */
  readonly cancelledAt: number | null;
  readonly settledAt: number | null;
  readonly code: 'ok' | RpcCode | null;
  /** What the error said, where there was one. */
  readonly message?: string;
}

/** A call to make. */
export interface CallOrder {
  readonly call: string;
  readonly steps: number;
  readonly timeoutMs: number;
  /** A stream of answers. */
  readonly streamed?: boolean;
  /** When the caller changes its mind, by itself; absent: when it is told to, if ever. */
  readonly cancelAfterMs?: number;
  /** The same, in turns of its event loop. */
  readonly cancelAfterTurns?: number;
}

/** What a caller is told to do, whatever it calls with: a call, a load of so many calls that nobody cancels, a cancel. */
export type Told = CallOrder | { readonly load: number } | { readonly changeMind: string };

export type ToHop = { readonly settings: HopSettings } | { readonly next: string | null };
export type FromHop = { readonly url: string } | { readonly ready: true } | { readonly visit: Visit } | Failed;

export type ToCaller = { readonly url: string; readonly wire: Wire } | Told;
/** `loaded`: how many calls a load that has ended has made. */
export type FromCaller =
  | { readonly ready: true }
  | { readonly state: CallState }
  | { readonly loaded: number }
  | Failed;

export type ToOwnChain = { readonly file: string } | Told;
export type FromOwnChain = { readonly hops: readonly string[] } | { readonly report: HopReport } | FromCaller;

/** The process could not do what it is for, and ends; the sentence is for people. */
interface Failed {
  readonly failed: string;
}
