// The requests whose handlers are asked what they were told: when their client leaves, and when nobody leaves.
import type { Asked, Client } from './peers.ts';

export interface Shape {
  readonly name: string;
  readonly method: 'GET' | 'POST';
  readonly body?: 'read' | 'unread';
  readonly streams?: true;
  readonly reuses?: true;
}

export interface Deed {
  readonly name: string;
  /** Left out: the request completes, and nobody leaves before that. */
  do?(client: Client, asked: Asked): void;
}

const SHAPES: readonly Shape[] = [
  { name: 'GET', method: 'GET' },
  { name: 'POST, body read', method: 'POST', body: 'read' },
  { name: 'POST, body not read', method: 'POST', body: 'unread' },
  { name: 'streamed response', method: 'GET', streams: true },
  { name: 'second request of a connection', method: 'GET', reuses: true },
];

const COMPLETES: Deed = { name: 'completes' };
const LEAVES: Deed = { name: 'its client leaves', do: (client) => client.leave() };
const HALF_CLOSES: Deed = { name: 'its client closes its half', do: (client) => client.halfClose() };
const RESETS: Deed = { name: 'its client resets the stream', do: (_, asked) => asked.reset() };

const each = (...deeds: readonly Deed[]) => deeds.flatMap((deed) => SHAPES.map((shape) => [shape, deed] as const));

export type Row = readonly [Shape, Deed];

export const ROWS: Readonly<Record<'HTTP/1.1' | 'h2c', readonly Row[]>> = {
  'HTTP/1.1': each(COMPLETES, LEAVES, HALF_CLOSES),
  h2c: each(COMPLETES, LEAVES, RESETS),
};

/** `missed`: never said. `false`: said while the client was there and waiting. `after`: said of a request that was answered. */
type Verdict = 'right' | 'missed' | 'false' | 'after' | undefined;

export interface Finding {
  readonly verdict: Verdict;
  /** What was said of the reason, where something was; empty: nothing. */
  readonly reason?: string;
}

/** What is to be thought of what a handler has heard in the end, when nothing was said too early. */
export function judge({ do: left }: Deed, heard: string | undefined): Finding {
  if (left === undefined) return { verdict: heard === undefined ? 'right' : 'after' };
  return heard === undefined ? { verdict: 'missed' } : { verdict: 'right', reason: heard };
}
