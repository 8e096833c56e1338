/**
 * What the processes of a chain tell each other over IPC: who they are, what to do, what they have seen. A cancel never
 * goes this way; it goes over HTTP/2 or not at all.
 */
import type { RpcCode } from '../rpc/index.ts';
import type { HopSettings } from './hop.ts';
import type { Visit } from './visit.ts';

/** One call as its caller knows it by now; instants as in {@link Visit}. */
export interface CallState {
  readonly call: string;
  readonly startedAt: number;
  readonly deadlineAt: number;
  /** When the caller said "never mind". */
  readonly cancelledAt: number | null;
  readonly settledAt: number | null;
  readonly code: 'ok' | RpcCode | null;
}

/** A call to make. */
export interface CallOrder {
  readonly call: string;
  readonly steps: number;
  readonly timeoutMs: number;
  /** When the caller changes its mind, by itself; absent: when it is told to, if ever. */
  readonly cancelAfterMs?: number;
}

export type ToHop = { readonly settings: HopSettings } | { readonly next: string | null };
export type FromHop = { readonly url: string } | { readonly ready: true } | { readonly visit: Visit } | Failed;

export type ToCaller = { readonly url: string } | CallOrder | { readonly changeMind: string };
export type FromCaller = { readonly ready: true } | { readonly state: CallState } | Failed;

/** The process could not do what it is for, and ends; the sentence is for people. */
interface Failed {
  readonly failed: string;
}
