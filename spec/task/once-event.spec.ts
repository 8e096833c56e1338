import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import { type Emitter, onceEvent } from '../../lib/task/index.ts';
import { bench, watch } from './support/bench.ts';

describe('onceEvent', () => {
  const on = bench();

  it('resolves with the event of an EventTarget, once', async () => {
    const target = new EventTarget();
    const event = new Event('ready');
    const waiting = onceEvent(target, 'ready', on.root.token);
    target.dispatchEvent(new Event('other'));
    target.dispatchEvent(event);
    target.dispatchEvent(new Event('ready'));
    expect(await waiting).toBe(event);
  });

  it("resolves with all that an emitter emitted, as Node's events.once", async () => {
    const emitter = new EventEmitter();
    const ready = Symbol('ready');
    const waiting = onceEvent(emitter, ready, on.root.token);
    emitter.emit(ready, 1, 'two');
    expect(await waiting).toEqual([1, 'two']);
    expect([emitter.listenerCount(ready), emitter.listenerCount('error')]).toEqual([0, 0]);
  });

  it("rejects with an emitter's error, unless that is what was waited for", async () => {
    const emitter = new EventEmitter();
    const error = new Error('no');
    const failing = onceEvent(emitter, 'ready', on.root.token);
    const wanted = onceEvent(emitter, 'error', on.root.token);
    emitter.emit('error', error);
    await expect(failing).rejects.toBe(error);
    expect(await wanted).toEqual([error]);
    expect(emitter.eventNames()).toEqual([]);
  });

  it('S4-49: a stop removes the listener at once, and a later event does not go to it', async () => {
    const emitter = new EventEmitter();
    const [first, second] = [
      onceEvent(emitter, 'unlock', on.root.token),
      onceEvent(emitter, 'unlock', new AbortController().signal),
    ];
    on.root.cancel();
    expect(emitter.listenerCount('unlock')).toBe(1);
    emitter.emit('unlock', 'yours');
    await expect(first).rejects.toBe(on.root.token.error);
    expect(await second).toEqual(['yours']);
  });

  it('E18: under a cancelled token it does not listen', async () => {
    on.root.cancel();
    const emitter = new EventEmitter();
    const waiting = onceEvent(emitter, 'ready', on.root.token);
    expect(emitter.eventNames()).toEqual([]);
    await expect(waiting).rejects.toBe(on.root.token.error);
  });

  it('an event or a cancel that comes while it begins to listen is not missed', async () => {
    const eager = new (class extends EventEmitter {
      override on(name: string | symbol, listener: (...args: unknown[]) => void): this {
        super.on(name, listener);
        if (name === 'ready') listener('at once');
        return this;
      }
    })();
    expect(await onceEvent(eager as Emitter, 'ready', on.root.token)).toEqual(['at once']);
    expect(eager.eventNames()).toEqual([]);
    const rude = new EventTarget();
    rude.addEventListener = function (...args) {
      on.root.cancel();
      EventTarget.prototype.addEventListener.apply(this, args);
    };
    await expect(onceEvent(rude, 'ready', on.root.token)).rejects.toBe(on.root.token.error);
  });

  it('what throws while it listens, or lets go, rejects', async () => {
    const broken = (where: 'on' | 'off'): Emitter => ({
      on: () => where === 'on' && fail(where),
      off: () => where === 'off' && fail(where),
    });
    await expect(onceEvent(broken('on'), 'x', on.root.token)).rejects.toThrow('on');
    const waiting = onceEvent(broken('off'), 'x', on.root.token);
    const state = watch(waiting);
    on.root.cancel();
    await on.rest();
    expect(state.done).toBe(true);
    await expect(waiting).rejects.toThrow('off');

    function fail(what: string): never {
      throw new Error(what);
    }
  });

  it('refuses what has no events, a name that is none and a token that is none', () => {
    expect(() => onceEvent({} as never, 'x', on.root.token)).toThrow('`target`');
    expect(() => onceEvent(null as never, 'x', on.root.token)).toThrow('`target`');
    expect(() => onceEvent(new EventTarget(), 1 as never, on.root.token)).toThrow('`name`');
    expect(() => onceEvent(new EventTarget(), 'x', 1 as never)).toThrow('`token`');
  });
});
