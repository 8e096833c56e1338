// The end of a server, in three steps: let those in flight finish, ask them to stop, let go.
//
// 1. Each step ends as soon as nothing is left, or when its time is up, or when somebody forces it.
// 2. There is one drain and one report, however often it is asked for.
import { clock, expected } from '../core/index.ts';
import type { InFlight, Underway } from './in-flight.ts';

export interface DrainOptions {
  /** How long requests in flight may go on undisturbed, in milliseconds; 0 or less: not at all. Default 10000. */
  graceMs?: number | undefined;
  /** How long they may take to stop after `SHUTDOWN` has reached their tokens; 0 or less: not at all. Default 5000. */
  timeoutMs?: number | undefined;
}

export interface DrainReport {
  /** Requests that ended by themselves within the grace. */
  readonly drained: number;
  /** Requests that ended after `SHUTDOWN`, in time. */
  readonly cancelled: number;
  /** Requests that were answered for, or cut off, when the time was up. */
  readonly timedOut: number;
  /** Handlers that threw meanwhile, something that was no cancel; they are counted above too. */
  readonly crashed: number;
  /** Requests that were refused meanwhile. */
  readonly refused: number;
  /** Handlers that still run. Nothing can stop them; a process that exits does. */
  readonly stillRunning: readonly { readonly name: string; readonly ageMs: number }[];
  /** How long it all took. */
  readonly tookMs: number;
}

/** What is let go when the requests are over. */
export interface Lines {
  /** Each connection ends with the last request that it carries now. */
  finish(): void;
  /** Waits until none is left, `ms` at most. */
  gone(ms: number): Promise<void>;
  destroy(): void;
}

/** What answers have to get through to a slow peer at the very end, in milliseconds. */
const FLUSH_MS = 500;

export class Drain {
  readonly #inFlight: InFlight;
  readonly #connections: Lines;
  readonly #stopListening: () => void;
  #report: Promise<DrainReport> | undefined;
  #over = false;
  #forced = false;
  #wake: (() => void) | undefined;

  constructor(inFlight: InFlight, connections: Lines, stopListening: () => void) {
    this.#inFlight = inFlight;
    this.#connections = connections;
    this.#stopListening = stopListening;
  }

  /**
   * Starts the drain, or joins the one under way; asked for no time at all, it forces that one. A number is short for
   * `{ graceMs: 0, timeoutMs }`. @throws TypeError for a time that is no number
   */
  with(options: DrainOptions | number | undefined, preset: Readonly<Required<DrainOptions>>): Promise<DrainReport> {
    const { graceMs, timeoutMs } = typeof options === 'number' ? { graceMs: 0, timeoutMs: options } : (options ?? {});
    return this.#start(
      milliseconds('graceMs', graceMs ?? preset.graceMs),
      milliseconds('timeoutMs', timeoutMs ?? preset.timeoutMs),
    );
  }

  #start(graceMs: number, timeoutMs: number): Promise<DrainReport> {
    if (graceMs <= 0 && timeoutMs <= 0) this.force();
    this.#report ??= this.#run(graceMs, timeoutMs);
    // What was named since then goes as the rest has.
    return this.#over ? this.#letGo().then(() => this.#report as Promise<DrainReport>) : this.#report;
  }

  async #letGo(): Promise<void> {
    await this.#connections.gone(FLUSH_MS);
    this.#connections.destroy();
  }

  force(): void {
    this.#forced = true;
    this.#wake?.();
  }

  async #run(graceMs: number, timeoutMs: number): Promise<DrainReport> {
    const startedAt = clock.now();
    const inFlight = this.#inFlight;
    const { refused, failed } = inFlight;
    // The clock's timers let a process exit; somebody awaits this report.
    const awake = setInterval(() => {}, 2 ** 30);
    const before = inFlight.size;
    inFlight.draining = true;
    this.#stopListening();
    this.#connections.finish();
    await this.#empty(graceMs);
    const asked = inFlight.size;
    for (const call of inFlight.all()) call.source.cancel('SHUTDOWN');
    await this.#empty(timeoutMs);
    const late = inFlight.all();
    for (const call of late) call.force();
    await this.#letGo();
    this.#over = true;
    clearInterval(awake);
    return {
      drained: before - asked,
      cancelled: asked - late.length,
      timedOut: late.length,
      refused: inFlight.refused - refused,
      crashed: inFlight.failed - failed,
      stillRunning: inFlight
        .all()
        .filter((call) => call.handlerRuns)
        .map(shown),
      tookMs: clock.now() - startedAt,
    };
  }

  /** Until no call is left, `ms` have passed, or somebody forces. */
  async #empty(ms: number): Promise<void> {
    if (this.#inFlight.size === 0 || ms <= 0 || this.#forced) return;
    await new Promise<void>((resolve) => {
      const disarm = clock.after(ms, resolve);
      this.#wake = () => {
        disarm();
        resolve();
      };
      this.#inFlight.onEmpty = this.#wake;
    });
  }
}

function milliseconds(name: string, value: unknown): number {
  if (typeof value === 'number' && !Number.isNaN(value)) return value;
  throw new TypeError(expected(name, 'a number of milliseconds', value));
}

function shown(call: Underway): { name: string; ageMs: number } {
  return { name: call.name, ageMs: Math.round(call.ageMs) };
}
