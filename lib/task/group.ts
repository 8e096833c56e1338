// Several tasks under one token, and their common end.
//
// Invariants
// 1. The group ends once: when the last of its tasks has ended, or was abandoned `graceMs` after the token's cancel.
// 2. The first outcome that decides stays, and cancels the others; a later error is kept as suppressed. A cancel of the
//    outer token beats them all, as long as the group has not ended.
// 3. At the end nothing of the group is left on the outer token, before anybody hears of it.
// 4. An end is told at once only of a task that waited for nothing; so no chain of them grows the stack.
import { CancellationSource, type CancellationToken, CancelReason, runAsCurrent } from '../core/index.ts';
import { awaitLimit } from './awake.ts';
import { afterGrace } from './grace.ts';
import { isLimited, sourceIn, type TaskOptions, tokenIn } from './options.ts';
import { AbandonedError, failed, keptOf, type Outcome, settled, stoppedBy, suppressing, type Task } from './outcome.ts';

export abstract class Group<R> {
  /** How all of it ended; never rejects. */
  readonly ended: Promise<Outcome<R>>;
  protected readonly outer: CancellationToken;
  protected readonly source: CancellationSource;
  readonly #timed: CancellationSource | undefined;
  readonly #graceMs: number;
  #tell!: (outcome: Outcome<R>) => void;
  #takeBack: (() => void) | undefined;
  #letGo: (() => void) | undefined;
  #decided: Outcome<R> | undefined;
  /** All that went wrong, in order. A failure that several tasks share is one. */
  #errors: Set<unknown> | undefined;
  /** Tasks that have not ended, and one more until {@link sealed}: the first may end while the rest are started. */
  #pending = 1;
  /** Their numbers; kept only where some may have to be abandoned. */
  #open: Set<number> | undefined;
  /** Tells of the end of those that were abandoned; set by the giving up. */
  #late: Map<number, (outcome: Outcome<unknown>) => void> | undefined;

  constructor(options: TaskOptions | undefined) {
    const { timeout, deadline, name, graceMs } = options ?? {};
    const timed = timeout !== undefined || deadline !== undefined || name !== undefined;
    this.#timed = timed ? sourceIn(options) : undefined;
    this.outer = this.#timed === undefined ? tokenIn(options) : this.#timed.token;
    this.source = new CancellationSource(this.outer);
    this.#graceMs = graceMs ?? Number.POSITIVE_INFINITY;
    this.ended = new Promise((resolve) => {
      this.#tell = resolve;
    });
    if (isLimited(options)) this.#letGo = awaitLimit(this.outer);
    if (graceMs === undefined) return;
    this.#open = new Set();
    this.#takeBack = afterGrace(this.source.token, graceMs, () => this.#giveUp());
  }

  /** One task has ended: what that means to the group. */
  protected abstract left(index: number, outcome: Outcome<unknown>): void;

  /** All have ended, none has decided, and nobody asked for a stop. */
  protected abstract conclude(): Outcome<R>;

  /** A task is left running. */
  protected abandoned(error: AbandonedError): void {
    this.#keep([error]);
  }

  #keep(errors: readonly unknown[]): void {
    if (errors.length === 0) return;
    this.#errors ??= new Set();
    for (const error of errors) this.#errors.add(error);
  }

  /** All have ended or were abandoned. */
  protected drained(): void {
    this.end();
  }

  /** Starts all there are, unless the group is stopped before it began. */
  startAll(tasks: readonly Task<unknown>[]): Promise<Outcome<R>> {
    if (!this.outer.cancelled) for (let i = 0; i < tasks.length; i++) this.start(tasks[i] as Task<unknown>, i);
    this.sealed();
    return this.ended;
  }

  /** Calls a task now; it ends through {@link left}. */
  protected start(task: Task<unknown>, index: number): void {
    const { token } = this.source;
    const failure = (error: unknown): void => this.leave(index, failed(error, token));
    const success = (value: unknown): void => this.leave(index, { kind: 'value', value });
    this.enter(index);
    let result: unknown;
    try {
      result = runAsCurrent(token, () => task(token));
      if (isThenable(result)) {
        void settled(result, success, failure);
        return;
      }
    } catch (error) {
      failure(error);
      return;
    }
    success(result);
  }

  protected enter(index: number): void {
    this.#pending++;
    this.#open?.add(index);
  }

  protected leave(index: number, outcome: Outcome<unknown>): void {
    if (this.#late !== undefined) {
      this.#late.get(index)?.(outcome);
      return;
    }
    this.#open?.delete(index);
    this.#keep(keptOf(outcome));
    this.left(index, outcome);
    this.sealed();
  }

  /** No more tasks will be started by the one who made the group. */
  protected sealed(): void {
    if (--this.#pending > 0) return;
    this.#takeBack?.();
    this.drained();
  }

  /** The outcome of the whole, if it is the first to decide; whatever is still running is asked to stop. */
  protected decide(outcome: Outcome<R>, description: string): void {
    this.#keep(keptOf(outcome));
    if (this.#decided !== undefined) return;
    this.#decided = outcome;
    const cause = outcome.kind === 'value' ? undefined : { cause: outcome.error };
    this.source.cancel(CancelReason.CANCELLED, { description, ...cause });
  }

  protected end(): void {
    const outcome = this.outer.cancelled ? stoppedBy(this.outer) : (this.#decided ?? this.conclude());
    this.#letGo?.();
    this.source.close();
    this.#timed?.close();
    this.#tell(this.#errors === undefined ? outcome : suppressing(outcome, this.#errors));
  }

  #giveUp(): void {
    const late = new Map<number, (outcome: Outcome<unknown>) => void>();
    for (const index of this.#open ?? []) {
      const ended = new Promise<Outcome<unknown>>((resolve) => late.set(index, resolve));
      this.abandoned(new AbandonedError(this.#graceMs, ended, index));
    }
    this.#late = late;
    this.drained();
  }
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  const able = (typeof value === 'object' && value !== null) || typeof value === 'function';
  return able && typeof (value as Partial<PromiseLike<unknown>>).then === 'function';
}
