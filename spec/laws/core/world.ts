import { expect } from 'vitest';
import {
  type CancellationError,
  CancellationSource,
  CancellationToken,
  type CancelReason,
  pendingAlarms,
  type Registration,
  setInstrument,
  snapshot,
} from '../../../lib/core/index.ts';
import { FakeClock } from '../../core/support/fake-clock.ts';
import { type Cancel, Model } from './model.ts';

/** One step. Numbers pick among what there is, so that any list of steps makes sense. */
export interface Step {
  readonly do: keyof typeof acts;
  readonly at: number;
  readonly of: readonly number[];
  readonly reason: CancelReason;
  readonly ms: number;
  readonly throws: boolean;
  /** What a listener does when it is called. */
  readonly then: readonly Step[];
}

const acts = {
  look: (world: World) => world.look(),
  root: (world: World) => world.addSource([], undefined),
  child: (world: World, { at }: Step) => world.addSource(world.nodes([at]), undefined),
  timed: (world: World, { at, ms }: Step) => world.addSource(world.nodes([at]), ms),
  several: (world: World, { of }: Step) => world.addSource(world.nodes(of), undefined),
  any: (world: World, { of }: Step) => world.join(world.nodes(of), false),
  all: (world: World, { of }: Step) => world.join(world.nodes(of), true),
  follow: (world: World) => world.follow(),
  abort: (world: World, { at }: Step) => world.abort(at),
  cancel: (world: World, { at, reason }: Step) => world.cancel(at, reason),
  cancelAsync: (world: World, { at, reason }: Step) => world.cancelAsync(at, reason),
  close: (world: World, { at }: Step) => world.close(at),
  arm: (world: World, { at, ms }: Step) => world.arm(at, ms),
  tick: (world: World, { ms }: Step) => world.tick(ms),
  listen: (world: World, { at, throws, then }: Step) => world.listen(at, throws, then),
  signal: (world: World, { at, then }: Step) => world.listenToSignal(at, then),
  unregister: (world: World, { at }: Step) => world.unregister(at),
};

export const actNames = Object.keys(acts) as (keyof typeof acts)[];

interface Listener {
  readonly node: number;
  registration: Registration | undefined;
  waits: boolean;
}

/** The core and the model side by side: each step is done to both, and every answer is compared. */
export class World implements Disposable {
  readonly model = new Model();
  readonly #clock = new FakeClock(0);
  readonly #tokens: CancellationToken[] = [CancellationToken.none];
  readonly #sources: { readonly source: CancellationSource; readonly node: number }[] = [];
  readonly #controllers: { readonly controller: AbortController; readonly node: number }[] = [];
  readonly #listeners: Listener[] = [];
  readonly #errors = new Map<Cancel, CancellationError>();
  /** Cancels whose callbacks still wait for their microtask. */
  readonly #pending: Promise<unknown>[] = [];
  readonly #problems: unknown[] = [];
  #thrown = 0;
  #reported = 0;
  #depth = 0;

  constructor() {
    setInstrument({
      cancelRequested: (token, reason) => {
        const node = this.#tokens.indexOf(token as CancellationToken);
        // What a step asked for, the model knows already; the rest are deadlines.
        if (node < 0 || this.model.cancelOf(node) !== undefined) return;
        expect([reason, this.model.nodes[node]!.at <= this.#clock.now()]).toEqual(['TIMEOUT', true]);
        expect(this.model.cancel(node, 'TIMEOUT')).toBe(true);
      },
    });
  }

  [Symbol.dispose](): void {
    for (const { source } of this.#sources) source.close();
    setInstrument(undefined);
    this.#clock[Symbol.dispose]();
  }

  /** Does a step, and at the outermost level checks that nothing was left undone. */
  run(step: Step): void {
    this.#depth++;
    acts[step.do](this, step);
    this.#depth--;
    if (this.#depth === 0 && this.#pending.length === 0) this.#nothingWaits();
  }

  async settle(): Promise<void> {
    // Callbacks that run now may begin cancels of their own.
    while (this.#pending.length > 0) await Promise.all(this.#pending.splice(0));
    this.#nothingWaits();
  }

  /** Compares every token with its node. */
  look(): void {
    for (const [i, token] of this.#tokens.entries()) {
      const cancel = this.model.cancelOf(i);
      expect(token.reason).toBe(cancel?.reason);
      expect(token.cancelled).toBe(cancel !== undefined);
      expect(token.canBeCancelled).toBe(this.model.canBeCancelled(i));
      if (cancel !== undefined) this.#oneError(cancel, token.error!);
      else expect(token.deadline).toBe(this.model.deadline(i));
    }
  }

  /** Takes all back, and finds nothing left. */
  end(): void {
    this.look();
    for (const { registration } of this.#listeners) registration?.unregister();
    for (const { source } of this.#sources) source.close();
    for (const { source } of this.#sources)
      expect(snapshot(source.token)).toMatchObject({ callbacks: 0, children: [] });
    expect(pendingAlarms()).toBe(0);
  }

  #nothingWaits(): void {
    if (this.#problems.length > 0) throw this.#problems[0];
    expect(this.#listeners.filter(({ waits, node }) => waits && this.model.cancelOf(node) !== undefined)).toEqual([]);
    const late = (_: unknown, i: number) =>
      this.model.nodes[i]!.state === 'live' && this.model.deadline(i) <= this.#clock.now();
    expect(this.model.nodes.filter(late)).toEqual([]);
    expect(this.#reported).toBe(this.#thrown);
  }

  #oneError(cancel: Cancel, error: CancellationError): void {
    expect(error).toBe(this.#errors.get(cancel) ?? error);
    this.#errors.set(cancel, error);
  }

  nodes(of: readonly number[]): number[] {
    return of.map((at) => at % this.#tokens.length);
  }

  addSource(parents: readonly number[], timeout: number | undefined): void {
    const options = {
      timeout,
      onCallbackError: ({ errors }: AggregateError) => {
        this.#reported += errors.length;
      },
    };
    const source =
      parents.length === 1
        ? this.#tokens[parents[0]!]!.child(options)
        : new CancellationSource({ ...options, parent: parents.map((i) => this.#tokens[i]!) });
    const node = this.model.add(parents, true);
    if (timeout !== undefined) this.#armed(node, timeout);
    this.#tokens.push(source.token);
    this.#sources.push({ source, node });
  }

  join(parents: readonly number[], all: boolean): void {
    const token = CancellationToken[all ? 'all' : 'any'](...parents.map((i) => this.#tokens[i]!));
    const known = this.#joined(parents, all);
    if (known !== undefined) return void expect(token).toBe(this.#tokens[known]);
    expect(this.#tokens).not.toContain(token);
    this.model.add([...new Set(parents)], false, all);
    this.#tokens.push(token);
  }

  /** The node that needs no joining: none, the only one, or the first that is cancelled. */
  #joined(parents: readonly number[], all: boolean): number | undefined {
    const able = [...new Set(parents)].filter((i) => this.model.canBeCancelled(i));
    if (all && able.length < new Set(parents).size) return 0;
    const cancelled = parents.find((i) => this.model.cancelOf(i) !== undefined);
    if (!all && cancelled !== undefined) return cancelled;
    return able.length > 1 ? undefined : (able[0] ?? 0);
  }

  follow(): void {
    const controller = new AbortController();
    this.#controllers.push({ controller, node: this.model.add([], true) });
    this.#tokens.push(CancellationToken.from(controller.signal));
  }

  abort(at: number): void {
    const one = this.#controllers[at % this.#controllers.length];
    if (one === undefined || one.controller.signal.aborted) return;
    this.model.cancel(one.node, 'CANCELLED');
    one.controller.abort();
    // A signal that nobody listens to counts as aborted when it is first asked.
    expect(this.#tokens[one.node]!.cancelled).toBe(true);
  }

  #sourceAt(at: number) {
    return this.#sources[at % this.#sources.length]!;
  }

  cancel(at: number, reason: CancelReason): void {
    const { source, node } = this.#sourceAt(at);
    const expected = this.model.cancel(node, reason);
    expect(source.cancel(reason)).toBe(expected);
  }

  cancelAsync(at: number, reason: CancelReason): void {
    const { source, node } = this.#sourceAt(at);
    const expected = this.model.cancel(node, reason);
    const answer = source.cancelAsync(reason).catch((error: AggregateError) => {
      this.#reported += error.errors.length;
      return true;
    });
    this.#pending.push(answer.then((made) => expect(made).toBe(expected)));
  }

  close(at: number): void {
    const { source, node } = this.#sourceAt(at);
    if (this.model.nodes[node]!.state === 'live') {
      this.model.nodes[node]!.state = 'closed';
      for (const listener of this.#listeners) if (listener.node === node) listener.waits = false;
    }
    source.close();
  }

  arm(at: number, ms: number): void {
    const { source, node } = this.#sourceAt(at);
    this.#armed(node, ms);
    source.cancelAfter(ms);
  }

  #armed(i: number, ms: number): void {
    const node = this.model.nodes[i]!;
    if (node.state !== 'live') return;
    node.at = this.#clock.now() + ms;
    if (ms <= 0) this.model.cancel(i, 'TIMEOUT');
  }

  tick(ms: number): void {
    this.#clock.advance(ms);
  }

  unregister(at: number): void {
    const one = this.#listeners[at % this.#listeners.length];
    if (one?.registration === undefined) return;
    expect(one.registration.unregister()).toBe(one.waits);
    one.waits = false;
  }

  listenToSignal(at: number, then: readonly Step[]): void {
    const node = at % this.#tokens.length;
    this.#tokens[node]!.signal.addEventListener('abort', () => this.#guarded(() => this.#react(node, then)));
  }

  listen(at: number, throws: boolean, then: readonly Step[]): void {
    const node = at % this.#tokens.length;
    const { state } = this.model.nodes[node]!;
    const listener: Listener = { node, registration: undefined, waits: state === 'live' };
    this.#listeners.push(listener);
    let ran = 0;
    listener.registration = this.#tokens[node]!.onCancel((error) => {
      this.#guarded(() => {
        expect(++ran).toBe(1);
        if (listener.registration !== undefined) this.#inTurn(listener);
        listener.waits = false;
        const cancel = this.model.cancelOf(node)!;
        expect(error.reason).toBe(cancel.reason);
        this.#oneError(cancel, error);
        this.#react(node, then);
      });
      if (throws && this.#reports(node)) {
        this.#thrown++;
        throw new Error('thrown by a listener');
      }
    });
    expect(ran).toBe(typeof state === 'object' ? 1 : 0);
  }

  /** One that was registered before the cancel: in the order of its token, and after the token's one parent. */
  #inTurn(listener: Listener): void {
    const { node } = listener;
    expect(listener.waits).toBe(true);
    expect(this.#listeners.find((other) => other.node === node && other.waits)).toBe(listener);
    const { parents } = this.model.nodes[node]!;
    const [parent] = parents;
    if (parents.length !== 1 || parent === undefined || this.model.cancelOf(parent) !== this.model.cancelOf(node))
      return;
    expect(this.#listeners.filter((other) => other.node === parent && other.waits)).toEqual([]);
  }

  /** A token of no source has no hook of its own: there an error would be for the host. */
  #reports(node: number): boolean {
    return this.#sources.some((one) => one.node === node);
  }

  /** What a callback does. A failed expectation in it must not pass for an error of the callback's own. */
  #guarded(act: () => void): void {
    this.#depth++;
    try {
      act();
    } catch (problem) {
      this.#problems.push(problem);
    }
    this.#depth--;
  }

  #react(node: number, then: readonly Step[]): void {
    expect([this.model.cancelOf(node) !== undefined, this.#tokens[node]!.cancelled]).toEqual([true, true]);
    for (const step of then) this.run(step);
  }
}
