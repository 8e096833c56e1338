// Where the requests of a server that is somebody else's are taken in, counted and seen off.
//
// 1. A request that was taken in is under way until its exchange is over, and its handler where that tells.
// 2. Nothing is taken in that is over already: its handler is not started.
// 3. A request that asks for another protocol, as a WebSocket does, has a token and no end of its own: no limit holds for it, and
//    a drain tells it at once and does not wait for it.
import { type CancellationToken, expected } from '../core/index.ts';
import { parseTimeout } from '../wire/index.ts';
import { Drain, type DrainOptions, type DrainReport } from './drain.ts';
import { type Closable, GuestLines } from './guest-lines.ts';
import { InFlight } from './in-flight.ts';
import type { Line } from './line.ts';
import { NodeLine, type NodeRequest, type NodeResponse } from './node-line.ts';
import type { ReceptionOptions } from './options.ts';
import { connectForm, type Form, notMounted, type Refusal, refusalOf, SHUTTING_DOWN, TWICE } from './refusal.ts';
import { type ReceptionSettings, receptionSettingsOf } from './settings.ts';
import { SignalLine } from './signal-line.ts';
import { type Say, Visit, type VisitHost } from './visit.ts';

/** How {@link Reception.drain} goes. */
export interface ReceptionDrainOptions extends DrainOptions {
  /**
   * The server itself, or several, to be closed along: no new connections, and at the end none at all. Without it that is yours to
   * do. On Node 20 and 22 a connection of HTTP/2 that has carried no request stays as long as its client likes.
   */
  server?: Closable | readonly Closable[] | undefined;
}

/**
 * What an adapter is made of: the requests that the server of a framework has under way, each with a token that has a deadline
 * and hears of a shutdown.
 *
 *     const reception = new Reception({ handlerTimeoutMs: 5_000 });
 *     const visit = reception.admit(req, res);          // undefined: turned away, and answered
 *     visit?.run(() => theHandler(req, res));           // under visit.token, and cancelled with it
 *
 * In the handler's place it answers 504 at the deadline, 503 to who comes during a drain or stays beyond it, and 400 where
 * `connect-timeout-ms` makes no sense; what the handler writes after that is dropped, and told to `onAbandoned`. To a peer that
 * has left it says nothing. A response that has begun is broken off instead.
 *
 * It does not stop a handler, does not listen, and limits nothing that it is not told to.
 */
export class Reception {
  readonly #settings: ReceptionSettings;
  readonly #form: Form;
  readonly #inFlight: InFlight;
  readonly #lines = new GuestLines();
  readonly #drain: Drain;
  readonly #host: VisitHost;
  readonly #upgraded = new Set<Visit>();
  readonly #upgradedHost: VisitHost;

  /**
   * @param options see {@link ReceptionOptions}
   * @param form how the framework's clients read an error; default: as `serve` writes it
   * @throws TypeError that names the option, for options that are wrong or contradict one another
   */
  constructor(options: ReceptionOptions = {}, form: Form = connectForm) {
    this.#settings = receptionSettingsOf(options);
    this.#form = form;
    this.#inFlight = new InFlight(this.#settings.maxRequests);
    this.#drain = new Drain(this.#inFlight, this.#lines, () => this.#seeOff());
    this.#host = { ...this.#settings, ended: (visit) => this.#inFlight.ended(visit) };
    this.#upgradedHost = { ...this.#settings, ...UNLIMITED, ended: (visit) => this.#upgraded.delete(visit) };
    if (this.#settings.fromAmbient) Visit.prepare();
  }

  /**
   * Takes a request in that node:http made, or node:http2's compatibility API.
   *
   * @returns undefined when its handler is not to be started: it has been answered, or nobody is there
   * @throws TypeError when an adapter has it already, and for what Node did not make
   */
  admit(req: NodeRequest, res: NodeResponse): Visit | undefined {
    const line = NodeLine.open(req, res);
    return this.receive(line, (refusal) => line.answer(refusal, this.#form));
  }

  /**
   * Takes a request in, on whatever line it came.
   *
   * @param say says something in the handler's place
   */
  receive(line: Line, say: Say): Visit | undefined {
    // Ended by whoever had it before: it has a token, and nothing can come of it.
    if (line.over) return line.source.token.cancelled ? undefined : new Visit(this.#host, line, say, NONE);
    if (line.session !== undefined) this.#lines.add(line.session);
    const asked = parseTimeout(line.timeout);
    if (typeof asked === 'number' && !this.#inFlight.refuses()) {
      if (line.upgrades) return this.#upgrade(line, say);
      const visit = new Visit(this.#host, line, say, asked);
      this.#inFlight.add(visit);
      return visit;
    }
    const refusal: Refusal =
      typeof asked === 'number'
        ? this.#turnedAway()
        : { status: 400, code: 'invalid_argument', message: asked.expected };
    if (refusal.last) line.last();
    say(refusal);
    if (line.mutes) line.mute(ignore);
    return undefined;
  }

  /** A refusal as a web response, of a framework's own class where it has one. */
  response(refusal: Refusal, OwnResponse: typeof Response = Response): Response {
    const { type, body } = this.#form(refusal);
    return new OwnResponse(body, { status: refusal.status, headers: { ...refusal.headers, 'content-type': type } });
  }

  /** What an adapter throws that finds out by itself that it is the second one. */
  static twice(): TypeError {
    return new TypeError(TWICE);
  }

  /** The visit of a request or response that an adapter has taken in. */
  static visitOf(raw: unknown): Visit | undefined {
    if (typeof raw !== 'object' || raw === null) return undefined;
    return (NodeLine.find(raw) ?? SignalLine.find(raw))?.watcher as Visit | undefined;
  }

  /**
   * The token of a request that an adapter has taken in.
   *
   * @param argument what the adapter calls the argument, and `how` to mount it: for the message
   * @throws TypeError for a request that no adapter has taken in
   */
  static tokenOf(raw: unknown, argument: string, how: string): CancellationToken {
    return Reception.visitOf(raw)?.token ?? notMounted(argument, how, raw);
  }

  /**
   * Ends the service in order: takes nothing new, lets requests in flight finish for `graceMs`, then cancels their tokens with
   * `SHUTDOWN` and gives them `timeoutMs` to end, then answers 503 for those left, or breaks them off.
   *
   * Resolves as soon as nothing is left. There is one drain: a second call joins it and gets the same report. A number is
   * short for `{ graceMs: 0, timeoutMs }`; without any time it forces one under way. Never rejects.
   *
   * @throws TypeError for a time that is no number, and for a server that can't be closed
   */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport> {
    const server = typeof options === 'object' ? options?.server : undefined;
    const servers = server === undefined ? [] : [server].flat();
    for (const one of servers.map(closable)) this.#lines.closeAlong(one);
    return this.#drain.with(options, this.#settings.drain);
  }

  #upgrade(line: Line, say: Say): Visit {
    const visit = new Visit(this.#upgradedHost, line, say, NONE);
    this.#upgraded.add(visit);
    return visit;
  }

  #seeOff(): void {
    for (const visit of this.#inFlight.all()) (visit as Visit).last();
    for (const visit of this.#upgraded) visit.source.cancel('SHUTDOWN');
  }

  #turnedAway(): Refusal {
    const { retryAfter } = this.#settings;
    const headers = retryAfter === undefined ? undefined : { 'retry-after': String(retryAfter) };
    if (this.#inFlight.draining) return { ...refusalOf('SHUTDOWN', SHUTTING_DOWN), headers };
    const message = 'The server has as many requests under way as it may.';
    return { ...refusalOf('SHUTDOWN', message), headers, last: false };
  }
}

function closable(server: Closable): Closable {
  if (typeof server?.close === 'function') return server;
  throw new TypeError(expected('server', 'the server that listens, such as what `app.listen()` returned', server));
}

function ignore(): void {}

const NONE = Number.POSITIVE_INFINITY;
const UNLIMITED = { handlerTimeoutMs: NONE, requestTimeoutMs: NONE, maxTimeoutMs: NONE };
