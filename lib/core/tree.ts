// THE TREE: who was cancelled, by what, and who has to hear of it.
//
// A token knows its parent and asks it; a parent knows only those children that have somebody to tell.
//
//     pull   token.cancelled ──▶ parent ──▶ … ──▶ the nearest ancestor that is decided, or known to be live
//     push   cancel ──▶ callbacks ──▶ abort event ──▶ linked children, level by level
//
// Invariants
// 1. A token is decided once: live → CANCELLED or live → CLOSED, whichever comes first (semantics 0.1, 0.8).
// 2. `epoch` grows with every cancel. A live token's stamp is the epoch at which it was last known to be live; equal to
//    `epoch`, it is live for certain. So a cancel shows in the whole subtree before the first callback runs (0.2).
//    A cancelled token's stamp is minus the epoch that its cancel began, so that of two cancels the later one is known.
// 3. A token that hangs on a foreign signal is never stamped as live: only the signal knows, and is asked each time.
// 4. A token is linked (has `#next`) exactly while it is live and observed: it has a callback, a linked child, a set
//    alarm or a signal. So a child that nobody listens to costs its parent nothing and can be collected (0.6).
// 5. A pass delivers only to tokens whose `#cancel` is its own, so that each of them hears of one cancel once.
// 6. Nothing here recurses over the tree: a hundred thousand levels need no stack.
//
// All that touches a token's fields is in this one class: private fields in a base class, or in a node behind the token,
// were measured to double the price of a child. What the fields mean beyond the tree lies in the files below this one.
import { type Alarm, clearAlarm } from './alarm.ts';
import { checkCallback } from './argument.ts';
import { type Cancel, Cancellation, cancellationOf, reasonIn } from './cancellation.ts';
import { clock } from './clock.ts';
import { type HookOf, Pass } from './deliver.ts';
import type { CancellationError } from './error.ts';
import { instrument } from './instrument.ts';
import { canBeCancelled, deadlineOf, goOn, hookOf, type Kin, settle } from './kin.ts';
import { Rare, Top } from './rare.ts';
import type { CancelReason } from './reason.ts';
import { append, count, onTakenBack, Registration, remove, take } from './registration.ts';
import { listen } from './signal.ts';
import type { Above, CancelCallback, ChildOptions, Look, ReadSide, Source } from './surface.ts';

const CLOSED = -1;
/** The stamp of a live token that was not asked yet, or hangs on a foreign signal: no epoch equals it. */
const UNSURE = 0;
/** At 1, its negative would be CLOSED: the first cancel begins the second. */
let epoch = 1;

const KEY = Symbol('made by this file');

/** What the files of this room may do to a token, and nobody else; the class fills it in. */
export interface Tree {
  create(parent?: CancellationToken): CancellationToken;
  /** A token that has to ask each time, or first: it gets its parents, or its signal, by {@link top}. */
  createUnsure(parent?: CancellationToken): CancellationToken;
  isToken(value: unknown): value is CancellationToken;
  rare(token: CancellationToken): Rare<CancellationToken>;
  top(token: CancellationToken): Top<CancellationToken>;
  /** Marks the subtree. @returns whether this call made the request; then a delivery is due */
  request(token: CancellationToken, cancel: Cancel): boolean;
  /** Tells all that listen in the subtree of a cancelled token. `settling` collects the async ones among them. */
  deliver(token: CancellationToken, settling?: Promise<void>[]): Pass;
  /** Both of them. @returns whether this call made the request */
  cancel(token: CancellationToken, cancel: Cancel): boolean;
  /** What has cancelled it. */
  cancellation(token: CancellationToken): Cancellation;
  close(token: CancellationToken): void;
  /** Neither cancelled nor closed. */
  live(token: CancellationToken): boolean;
  /** Whoever makes a live token observed, or not any more, links or unlinks it (invariant 4). */
  observed(token: CancellationToken): boolean;
  link(token: CancellationToken): void;
  unlink(token: CancellationToken): void;
  /** What a walk over ancestors asks. */
  readonly kin: Kin<CancellationToken>;
  alarm(token: CancellationToken): Alarm | undefined;
  putAlarm(token: CancellationToken, alarm: Alarm | undefined): void;
  look(token: CancellationToken): Look<CancellationToken>;
}
export let tree: Tree;

let above: Above<CancellationToken>;
/** Takes in what the files above this one have to give. */
export function bringIn(files: typeof above): void {
  above = files;
}

let pull: (token: CancellationToken) => boolean;
let shared: (token: CancellationToken) => Cancellation;
let register: (token: CancellationToken, callback: CancelCallback<CancellationToken>) => Registration;
let kin: Kin<CancellationToken>;

export class CancellationToken implements ReadSide {
  // A field begins as undefined where it is declared: set in the constructor once more, a child costs a third more.
  #stamp: number = epoch;
  #parent: CancellationToken | undefined;
  /** Neighbours in the parent's circular list of linked children, where the first one's previous is the last. */
  #previous: CancellationToken | undefined;
  #next: CancellationToken | undefined;
  #children: CancellationToken | undefined;
  #callbacks: Registration | undefined;
  /** What cancelled it; set together with the stamp that says so. */
  #cancel: Cancel | undefined;
  /** Its own deadline; it stays readable after the cancel. */
  #alarm: Alarm | undefined;
  #rare: Rare<CancellationToken> | undefined;

  private constructor(key: typeof KEY, parent: CancellationToken | undefined) {
    if (key !== KEY)
      throw new TypeError('A token comes from a CancellationSource, from `child()` or from a static method.');
    this.#parent = parent;
  }

  get cancelled(): boolean {
    return this.#stamp !== epoch && pull(this);
  }
  get canBeCancelled(): boolean {
    return canBeCancelled(this, kin);
  }
  get reason(): CancelReason | undefined {
    return this.cancelled ? reasonIn(this.#cancel as Cancel) : undefined;
  }
  get error(): CancellationError | undefined {
    return this.cancelled ? shared(this).error : undefined;
  }
  get deadline(): number {
    return deadlineOf(this, kin);
  }
  get signal(): AbortSignal {
    return this.#rare?.signal ?? above.newSignal(this);
  }
  remaining(): number {
    const deadline = deadlineOf(this, kin);
    return deadline === Number.POSITIVE_INFINITY ? deadline : Math.max(0, deadline - clock.now());
  }
  throwIfCancelled(): void {
    if (this.cancelled) throw shared(this).error;
  }
  onCancel(callback: CancelCallback<CancellationToken>): Registration {
    return register(this, callback);
  }
  child(options?: ChildOptions): Source<CancellationToken> {
    return above.newSource(this, options);
  }

  static {
    const observed = (token: CancellationToken): boolean =>
      token.#callbacks !== undefined ||
      token.#children !== undefined ||
      token.#alarm?.set === true ||
      token.#rare?.controller !== undefined;

    /** Nothing is left to link; a root has nothing to be linked to, and is not asked what it has. */
    const linked = (token: CancellationToken): boolean =>
      token.#next !== undefined || (token.#rare !== undefined && observed(token));

    const decide = (token: CancellationToken, cancel: Cancel): void => {
      token.#cancel = cancel;
      token.#stamp = -++epoch;
    };

    /** The cancel of a cancelled token as the object that all it has reached have in common. */
    shared = (token) => {
      const cancel = token.#cancel as Cancel;
      if (typeof cancel === 'object') return cancel;
      const made = new Cancellation(cancel);
      token.#cancel = made;
      return made;
    };

    const adopt = (token: CancellationToken, from: CancellationToken): void => {
      token.#cancel = shared(from);
      token.#stamp = from.#stamp;
    };

    const addChild = (parent: CancellationToken, child: CancellationToken): void => {
      const first = parent.#children;
      if (first === undefined) {
        parent.#children = child.#previous = child.#next = child;
        return;
      }
      const last = first.#previous as CancellationToken;
      last.#next = first.#previous = child;
      child.#previous = last;
      child.#next = first;
    };

    const removeChild = (parent: CancellationToken, child: CancellationToken): void => {
      const next = child.#next as CancellationToken;
      const previous = child.#previous as CancellationToken;
      child.#previous = child.#next = undefined;
      if (next === child) parent.#children = undefined;
      else {
        previous.#next = next;
        next.#previous = previous;
        if (parent.#children === child) parent.#children = next;
      }
    };

    // ── State ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /** The slow half of `cancelled`: asks upwards, and notes the answer on the way it came. */
    pull = (start) => {
      let last = start;
      while (last.#stamp >= 0 && last.#stamp !== epoch && last.#parent !== undefined) last = last.#parent;
      if (last.#stamp >= 0 && last.#stamp !== epoch) ask(last);
      if (last.#stamp === UNSURE) return false;
      const cancelled = last.#stamp < CLOSED;
      for (let token = start; token !== last; token = token.#parent as CancellationToken) {
        if (cancelled) adopt(token, last);
        else token.#stamp = epoch;
      }
      return cancelled;
    };

    const ask = (token: CancellationToken): void => {
      const top = token.#rare?.top;
      if (top === undefined) token.#stamp = epoch;
      else if (top.foreign !== undefined) kin.askSignal(token);
      else {
        token.#stamp = UNSURE;
        settle(token, kin);
      }
    };

    kin = {
      parent: (token) => token.#parent,
      top: (token) => token.#rare?.top,
      hook: (token) => token.#rare?.hook,
      deadline: (token) => token.#alarm?.at ?? Number.POSITIVE_INFINITY,
      closed: (token) => token.#stamp === CLOSED,
      cancelled: (token) => token.#stamp < CLOSED,
      order: (token) => -token.#stamp,
      settled: (token) => token.#stamp < 0 || token.#stamp === epoch,
      adopt,
      refresh: (token) => {
        token.#stamp = epoch;
      },
      askSignal: (token) => {
        const signal = token.#rare?.top?.foreign as AbortSignal;
        if (signal.aborted) decide(token, cancellationOf(signal));
      },
    };

    /** Pulls, then says whether the token is still undecided. */
    const live = (token: CancellationToken): boolean => !token.cancelled && token.#stamp !== CLOSED;

    // ── Links ──────────────────────────────────────────────────────────────────────────────────────────────────────

    /** Called when a token becomes observed: links it and, as long as they were not observed, its ancestors. */
    const link = (start: CancellationToken): void => {
      const last = climb(start);
      if (last !== undefined) goOn(last, kin, climb, follow);
    };

    /** Links parent by parent. @returns the one that has no parent but several, or a signal */
    const climb = (start: CancellationToken): CancellationToken | undefined => {
      for (let child = start; ; ) {
        if (child.#rare?.top !== undefined) return child;
        const parent = child.#parent;
        if (parent === undefined || parent.#stamp < 0) return undefined;
        const known = parent.#children !== undefined || linked(parent);
        addChild(parent, child);
        if (known) return undefined;
        child = parent;
      }
    };

    const follow = (token: CancellationToken, top: Top<CancellationToken>): void => {
      if (top.foreign !== undefined) top.unfollow = listen(top.foreign, above.arrived.bind(undefined, token));
    };

    /** The way back, when nobody observes a token any more, or it is decided. */
    const unlink = (start: CancellationToken): void => {
      const last = descend(start);
      if (last !== undefined) goOn(last, kin, descend, (_, { unfollow }) => unfollow?.());
    };

    const descend = (start: CancellationToken): CancellationToken | undefined => {
      for (let child = start; ; ) {
        if (child.#rare?.top !== undefined) return child;
        if (child.#next === undefined) return undefined;
        const parent = child.#parent as CancellationToken;
        removeChild(parent, child);
        if (observed(parent)) return undefined;
        child = parent;
      }
    };

    const hook: HookOf<CancellationToken> = (token, known) => hookOf(token, kin, known);

    // ── Cancel ─────────────────────────────────────────────────────────────────────────────────────────────────────

    const request = (token: CancellationToken, cancel: Cancel): boolean => {
      if (!live(token)) return false;
      decide(token, cancel);
      // At once, even when the callbacks run later: what cancels the parent meanwhile is not this token's cancel (E12).
      if (token.#next !== undefined || token.#rare !== undefined) unlink(token);
      instrument?.cancelRequested?.(token, reasonIn(cancel));
      return true;
    };

    /** Level by level: a parent before its children, siblings in the order they were linked (0.3). */
    const deliver = (start: CancellationToken, settling?: Promise<void>[]): Pass => {
      const pass = new Pass(shared(start), hook, settling);
      tell(start, pass);
      const parents = [start];
      for (let i = 0; i < parents.length; i++) {
        const parent = parents[i] as CancellationToken;
        for (let child = parent.#children; child !== undefined; child = parent.#children) {
          removeChild(parent, child);
          const heir = inherit(child, start);
          if (heir === undefined) continue;
          tell(heir, pass);
          if (heir.#children !== undefined) parents.push(heir);
        }
      }
      if (settling === undefined) pass.report();
      return pass;
    };

    /** @returns whom the cancel reaches by this child: itself, or the token it is a relay of, or nobody yet */
    const inherit = (child: CancellationToken, start: CancellationToken): CancellationToken | undefined => {
      const heir = child.#rare?.relayTo;
      if (heir === undefined) {
        adopt(child, start);
        return child;
      }
      if (!heir.cancelled || heir.#cancel !== start.#cancel) return undefined;
      unlink(heir);
      return heir;
    };

    const tell = (token: CancellationToken, pass: Pass): void => {
      const { cancellation } = pass;
      instrument?.reached?.(token, cancellation.reason);
      if (token.#alarm !== undefined) clearAlarm(token.#alarm);
      for (let first = token.#callbacks; first !== undefined; first = token.#callbacks) {
        token.#callbacks = remove(first, first);
        pass.run(first, token);
      }
      token.#rare?.controller?.abort(cancellation.signalReason);
    };

    /** Lets go of whatever a token that closes holds, and of whatever holds it. */
    const release = (token: CancellationToken): void => {
      unlink(token);
      if (token.#alarm !== undefined) clearAlarm(token.#alarm);
      for (let first = token.#callbacks; first !== undefined; first = token.#callbacks) {
        token.#callbacks = remove(first, first);
        take(first);
      }
      for (let child = token.#children; child !== undefined; child = token.#children) removeChild(token, child);
      if (token.#rare !== undefined) token.#rare.top = token.#rare.controller = undefined;
    };

    // ── Callbacks ──────────────────────────────────────────────────────────────────────────────────────────────────

    const runLate = (token: CancellationToken, callback: CancelCallback<CancellationToken>): Registration => {
      const late = new Registration(undefined, callback);
      const pass = new Pass(shared(token), hook);
      pass.run(late, token);
      pass.report();
      return late;
    };

    register = (token, callback) => {
      checkCallback(callback);
      if (token.cancelled) return runLate(token, callback);
      if (token.#stamp === CLOSED) return new Registration(undefined, undefined);
      const registration = new Registration(token, callback);
      if (!linked(token)) link(token);
      token.#callbacks = append(token.#callbacks, registration);
      return registration;
    };

    onTakenBack((owner, registration) => {
      const token = owner as CancellationToken;
      token.#callbacks = remove(token.#callbacks as Registration, registration);
      if (!observed(token)) unlink(token);
    });

    // ── For this room ──────────────────────────────────────────────────────────────────────────────────────────────

    tree = {
      create: (parent) => {
        const token = new CancellationToken(KEY, parent);
        if (parent !== undefined) {
          if (parent.cancelled) adopt(token, parent);
          else if (parent.#stamp === CLOSED) token.#parent = undefined;
          else token.#stamp = parent.#stamp;
        }
        instrument?.created?.(token, parent === undefined ? [] : [parent]);
        return token;
      },
      createUnsure: (parent) => {
        const token = new CancellationToken(KEY, parent);
        token.#stamp = UNSURE;
        return token;
      },
      // The prototype first: where the field is missing, `in` costs ten times as much.
      isToken: (value): value is CancellationToken => value instanceof CancellationToken && #stamp in value,
      rare: (token) => {
        token.#rare ??= new Rare();
        return token.#rare;
      },
      top: (token) => {
        const rare = tree.rare(token);
        rare.top ??= new Top();
        return rare.top;
      },
      request,
      deliver,
      cancel: (token, cancel) => {
        if (!request(token, cancel)) return false;
        if (observed(token)) deliver(token);
        return true;
      },
      cancellation: shared,
      close: (token) => {
        if (!live(token)) return;
        if (token.#rare !== undefined || observed(token)) release(token);
        token.#stamp = CLOSED;
        token.#parent = undefined;
        instrument?.closed?.(token);
      },
      live,
      observed,
      link,
      unlink,
      kin,
      alarm: (token) => token.#alarm,
      putAlarm: (token, alarm) => {
        token.#alarm = alarm;
      },
      look: (token) => {
        const children: CancellationToken[] = [];
        const first = token.#children;
        for (let child = first; child !== undefined; child = child.#next === first ? undefined : child.#next) {
          children.push(child.#rare?.relayTo ?? child);
        }
        const state = token.cancelled ? 'cancelled' : token.#stamp === CLOSED ? 'closed' : 'live';
        return { state, callbacks: count(token.#callbacks), children, rare: token.#rare };
      },
    };
  }
}
