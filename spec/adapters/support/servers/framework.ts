// Applications of the frameworks that people run, each with its adapter mounted, whose handlers do nothing by themselves: each
// request is handed to the spec.
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { CancellationToken } from '../../../../lib/core/index.ts';
import type { DrainReport, ReceptionDrainOptions, ReceptionOptions } from '../../../../lib/server/index.ts';
import { Inbox } from '../../../server/support/gate.ts';
import type { Ask, Protocol } from '../../../server/support/peers.ts';
import type { Seen } from '../../../server/support/subjects.ts';

/** One request, as its handler has it. */
export interface Held extends Seen {
  /** What is current where the handler runs. */
  readonly current: CancellationToken;
  /** What the framework's own way to say it has said of a cancel, in words; undefined: nothing. */
  own(): string | undefined;
  /** The handler throws. */
  fail(error: unknown): void;
}

export type Hold = (held: Held) => void;
export type Listener = (req: IncomingMessage, res: ServerResponse) => unknown;

export interface App {
  readonly listener: Listener;
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
  /** What the framework has to be told at the end, before its server closes. */
  close?(): Promise<unknown>;
}

export interface Framework {
  readonly name: string;
  /** What it is made of, to be named with its version. */
  readonly packages: readonly string[];
  /** How it says by itself that a client has left. */
  readonly says: string;
  readonly protocols: readonly Protocol[];
  /** Its handlers are given whole bodies. */
  readonly parses?: true;
  /** The request in the framework's own language; undefined where it has none of the kind. */
  ask?(ask: Ask, streams: boolean): Ask | undefined;
  /** What its handlers throw becomes a part of an answer that is well. */
  readonly hidesErrors?: true;
  /** What it answers to a handler that throws; default 500. */
  readonly failsWith?: number | 'uncaught';
  /** It waits for no handler after a cancel. */
  readonly stopsAtOnce?: true;
  /** It does not tell when a handler has ended. */
  readonly endsUnseen?: true;
  /** Goes by a signal alone: of pipelined requests Node 20 tells only the first that its client has left. */
  readonly bySignal?: true;
  /** Over these a large answer is queued only as fast as it is read. */
  readonly streamsOver?: readonly Protocol[];
  start(hold: Hold, options?: ReceptionOptions): Promise<App> | App;
}

/** A handler that waits for the spec. */
export class Waiting<T = void> {
  readonly over: Promise<T>;
  resolve!: (value: T) => void;
  fail!: (error: unknown) => void;

  constructor() {
    this.over = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.fail = reject;
    });
  }
}

/** A call that answers at one go, as its handler has it. */
export function heldCall(held: Omit<Held, 'answer' | 'begin' | 'end' | 'fail'>, hold: Hold): Promise<string> {
  const waiting = new Waiting<string>();
  hold({ ...held, answer: waiting.resolve, begin: none, end: none, fail: waiting.fail });
  return waiting.over;
}

/** A call that answers chunk by chunk, as its handler has it. */
export async function* heldStream(
  held: Omit<Held, 'answer' | 'begin' | 'end' | 'fail'>,
  hold: Hold,
): AsyncGenerator<string> {
  const chunks = new Inbox<{ text: string; last: boolean }>();
  const failed = new Waiting<never>();
  failed.over.catch(() => {});
  hold({
    ...held,
    answer: none,
    begin: (text) => chunks.put({ text, last: false }),
    end: (text) => chunks.put({ text, last: true }),
    fail: failed.fail,
  });
  for (let last = false; !last; ) {
    const chunk = await Promise.race([chunks.take(), failed.over]);
    yield chunk.text;
    last = chunk.last;
  }
}

function none(): never {
  throw new Error('Not of this kind of call.');
}
