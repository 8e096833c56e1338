import type { Http2Session } from 'node:http2';
import type { CancellationSource } from '../core/index.ts';

/** Who follows a line. */
export interface LineWatcher {
  /** The head of the response is on its way. */
  begun(): void;
  /** The whole response was handed over: nothing can be cancelled any more. */
  queued(): void;
  /** The peer has gone, and the source is about to be cancelled for it. */
  left(): void;
  /** The exchange is over, answered or not. */
  over(): void;
}

/** One exchange of a server that is somebody else's, as far as that lets us see and touch it. */
export interface Line {
  readonly source: CancellationSource;
  /** Method and path. */
  readonly name: string;
  /** It asks for another protocol: the connection is the handler's, for as long as it likes, and no answer of ours has a place there. */
  readonly upgrades?: boolean;
  /** The caller's `connect-timeout-ms`, as it was written. */
  readonly timeout: string | undefined;
  /** Too late for an answer: one is on its way, or nobody is there. */
  readonly begun: boolean;
  /** Nothing more comes of it. */
  readonly over: boolean;
  /** The handler answers at a deadline and at a shutdown by itself. */
  speaksForItself: boolean;
  readonly watcher: LineWatcher | undefined;
  /** @param begun whether the watcher wants to hear of the head */
  watch(watcher: LineWatcher, begun: boolean): void;
  /** Breaks off, so that the peer can't take what it has for the whole. */
  cut(): void;
  /** Whether the handler writes to the line itself; else whoever calls it drops what comes late. */
  mutes: boolean;
  /** Where it {@link mutes}: nothing that is written from now on is sent; `onLate` hears of each attempt. */
  mute(onLate: () => void): void;
  /** No other request is wanted on this connection. */
  last(): void;
  /** The HTTP/2 session that carries it. */
  readonly session?: Http2Session | undefined;
  /** Takes note of a response that is handed over as a web object, where nothing else shows when it is over. */
  carry?(response: Response): Response;
  /** The handler has thrown, and what the framework answers is not to be seen. */
  release?(): void;
}

/** What a request or a response of Node's knows its line by. */
export const line: unique symbol = Symbol('nevermind.line');
export type Lined = object & { [line]?: Line };
