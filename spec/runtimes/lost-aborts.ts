// The ways in which a platform loses an abort to garbage collection, each with our tokens in its place. A pattern sets up
// one listener, keeps hold of as little as the pattern says, and hands out what cancels it.
//
// What makes a platform lose them is that nothing but a weak reference leads from the source to the one who listens. So
// no time has to pass and no garbage has to pile up: forced collections, each with a turn of the event loop in which the
// host runs its finalizers, do it sooner and more surely than three seconds of work. Node 22 loses its nested
// AbortSignal.any after the fourth: each layer of weak references takes a round of its own.
import { type Core, FakeClock, turn } from './harness.ts';

type Told = () => void;

/** Sets up one listener that calls `told`. @returns cancels it; holds what the pattern holds, and nothing more */
type Pattern = (core: Core, told: Told, clock: FakeClock) => () => void;

export const patterns: Readonly<Record<string, Pattern>> = {
  // Node 20 loses it: AbortSignal.any([AbortSignal.timeout(…)]), with neither held.
  'any of a timeout, with a listener to its signal': (core, told, clock) => {
    const token = core.CancellationToken.any(core.CancellationToken.timeout(10), new core.CancellationSource().token);
    token.signal.addEventListener('abort', told);
    return () => clock.advance(10);
  },
  // Node 22 loses it: AbortSignal.any([AbortSignal.any([signal])]), with the inner one not held.
  'any of any, with the inner one not held': (core, told) => {
    const source = new core.CancellationSource();
    const inner = core.CancellationToken.any(source.token, new core.CancellationSource().token);
    core.CancellationToken.any(inner, new core.CancellationSource().token).signal.addEventListener('abort', told);
    return () => source.cancel();
  },
  // Node 24 loses it: AbortSignal.any([signal]), asked after the source has been collected.
  'any, polled when its source is gone': (core, told) => {
    let source: InstanceType<Core['CancellationSource']> | undefined = new core.CancellationSource();
    const token = core.CancellationToken.any(source.token, new core.CancellationSource().token);
    return () => {
      // The first call cancels and lets go, the second one asks.
      if (source !== undefined) {
        source.cancel();
        source = undefined;
      } else if (token.cancelled && token.signal.aborted) told();
    };
  },
  'a child of a foreign signal, with nothing held but its controller': (core, told) => {
    const controller = new AbortController();
    new core.CancellationSource(controller.signal).token.child().token.onCancel(told);
    return () => controller.abort();
  },
  'a callback deep below a source, with nothing held but the source': (core, told) => {
    const source = new core.CancellationSource();
    source.token.child().token.child().token.child().token.onCancel(told);
    return () => source.cancel();
  },
  'a signal handed on, with nothing held but the source': (core, told) => {
    const source = new core.CancellationSource();
    const target = new EventTarget();
    source.token.child().token.signal.addEventListener('abort', () => target.dispatchEvent(new Event('stop')));
    target.addEventListener('stop', told);
    return () => source.cancel();
  },
};

type Collector = { gc?: () => void; Bun?: { gc(sync: boolean): void } };

/** Collects all garbage there is. @throws where the runtime was not told to offer that */
export async function collect(): Promise<void> {
  const { gc, Bun } = globalThis as Collector;
  const run = Bun === undefined ? gc : () => Bun.gc(true);
  if (run === undefined) throw new Error('No collector: start with --expose-gc.');
  for (let round = 0; round < 6; round++) {
    run();
    await turn();
  }
}

/** Runs one pattern so many times. @returns how many of the aborts arrived */
export async function arrivals(core: Core, pattern: Pattern, times: number): Promise<number> {
  const clock = new FakeClock();
  const restore = core.setClock(clock);
  try {
    let arrived = 0;
    const cancels = Array.from({ length: times }, () => pattern(core, () => arrived++, clock));
    await collect();
    for (const cancel of cancels) cancel();
    await collect();
    if (arrived === 0) for (const cancel of cancels) cancel();
    return arrived;
  } finally {
    restore();
  }
}
