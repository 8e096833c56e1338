// The table: what is measured, with what an implementation must be able to do, and what is to be reached.
import type { Case, Target } from '../harness.ts';
import type { Call } from '../peers/peer.ts';
import * as bytes from './bytes.ts';
import type { Make } from './make.ts';
import * as many from './many.ts';
import * as one from './one.ts';

export const OURS = 'nevermind';
export const LISTENER = 'native, listener';
export const ANY = 'native, any';
export const PREX = 'prex';
export const VSCODE = 'vscode-jsonrpc';
export const ESFX = 'esfx';
export const TIMER = 'setTimeout';

export interface Row extends Case {
  readonly make: Make;
  /** The calls of the case, where not everybody has them. */
  readonly needs?: readonly Call[];
  /** AbortSignal.any makes children: without one it is the same as the listener's column. */
  readonly noChild?: true;
}

function atLeast(atLeast: number, against: readonly string[], onNode20 = atLeast): Target {
  return { atLeast, against, onNode20 };
}

const NATIVE = [LISTENER, ANY];
const PEERS = [PREX, VSCODE, ESFX];

const ns = 'ns';

const moments: readonly Row[] = [
  {
    id: 'poll',
    title: 'poll',
    unit: ns,
    make: one.poll,
    noChild: true,
    targets: [atLeast(1 / 1.3, [LISTENER], 8), atLeast(1 / 1.5, [VSCODE])],
  },
  {
    id: 'poll-child',
    title: 'poll a child',
    unit: ns,
    make: one.pollChild,
    targets: [atLeast(6, [ANY], 8), atLeast(4, [PREX])],
  },
  {
    id: 'root',
    title: 'root: create, cancel, reason unread',
    unit: ns,
    make: one.root,
    noChild: true,
    targets: [atLeast(120, [LISTENER], 300)],
  },
  {
    id: 'root-reason',
    title: 'root: create, cancel with a reason',
    unit: ns,
    make: one.rootWithReason,
    noChild: true,
    targets: [atLeast(18, [LISTENER], 150), atLeast(1 / 2, [VSCODE]), atLeast(3, [PREX])],
  },
  {
    id: 'child',
    title: 'child: link, close',
    unit: ns,
    make: one.child,
    targets: [atLeast(10, NATIVE, 100), atLeast(15, [LISTENER], 100), atLeast(6, [PREX]), atLeast(6, [VSCODE])],
  },
  {
    id: 'child-observed',
    title: 'child: link, register, unregister, close',
    unit: ns,
    make: one.childObserved,
    targets: [atLeast(10, NATIVE, 80), atLeast(4, [PREX])],
  },
  { id: 'register', title: 'register, unregister', unit: ns, make: one.register(0), noChild: true, targets: [] },
  {
    id: 'register-1000',
    title: 'register, unregister beside 1,000 others',
    unit: ns,
    make: one.register(1000),
    noChild: true,
    targets: [atLeast(120, [LISTENER]), atLeast(1.3, [PREX]), atLeast(40, [VSCODE])],
  },
  {
    id: 'in-flight',
    title: 'child with a callback, 1,000 in flight',
    unit: ns,
    make: one.inFlight(false),
    targets: [atLeast(25, NATIVE, 50), atLeast(2, PEERS)],
  },
];

const requests: readonly Row[] = [
  {
    id: 'request',
    title: 'request: child, 30 s deadline, callback; 1,000 in flight',
    unit: ns,
    make: one.inFlight(true),
    targets: [atLeast(25, [ANY], 60), atLeast(18, [LISTENER], 35)],
  },
  {
    id: 'request-signal',
    title: 'request, the callback on its AbortSignal',
    unit: ns,
    make: one.inFlightWithSignal,
    needs: ['signal'],
    targets: [atLeast(10, [ANY], 2.5), atLeast(7, [LISTENER], 1.5)],
  },
  {
    id: 'deadline',
    title: 'deadline: create, clear',
    unit: ns,
    make: one.deadline,
    needs: ['timeout', 'close'],
    targets: [atLeast(12, [ANY], 50), atLeast(1.5, [TIMER]), { atMost: 80 }],
  },
  {
    id: 'signal',
    title: 'make the AbortSignal',
    unit: ns,
    make: one.signal,
    needs: ['signal'],
    noChild: true,
    targets: [atLeast(1 / 1.3, [LISTENER], 1 / 1.1)],
  },
];

const trees: readonly Row[] = [
  {
    id: 'wide-1e3',
    title: 'cancel 1,000 children, each',
    unit: ns,
    make: many.wide(1000),
    targets: [atLeast(25, NATIVE, 100), atLeast(3, [VSCODE]), atLeast(4, [PREX])],
  },
  { id: 'wide-1e5', title: 'cancel 100,000 children, each', unit: ns, make: many.wide(100_000), targets: [] },
  {
    id: 'wide-1e6',
    title: 'cancel 1,000,000 children, each',
    unit: ns,
    make: many.wide(1_000_000),
    targets: [atLeast(20, NATIVE, 40), atLeast(3, [VSCODE]), atLeast(4, [PREX])],
  },
  { id: 'deep-1e5', title: 'cancel a chain of 100,000, each level', unit: ns, make: many.deep(100_000), targets: [] },
  {
    id: 'deep-1e6',
    title: 'cancel a chain of 1,000,000, each level',
    unit: ns,
    make: many.deep(1_000_000),
    targets: [{ atMost: Number.POSITIVE_INFINITY }],
  },
  {
    id: 'dropped',
    title: '1,000,000 children dropped on a live root, each',
    unit: ns,
    make: many.dropped(1_000_000),
    targets: [{ atMost: 40 }],
  },
];

const weights: readonly Row[] = [
  {
    id: 'dropped-bytes',
    title: 'kept of each dropped child',
    unit: 'B',
    make: many.dropped(1_000_000),
    targets: [{ atMost: 1 }],
  },
  { id: 'root-bytes', title: 'a root', unit: 'B', make: bytes.roots, noChild: true, targets: [] },
  {
    id: 'child-bytes',
    title: 'a child',
    unit: 'B',
    make: bytes.children,
    targets: [{ atMost: 128 }, atLeast(3, [LISTENER], 7), atLeast(3, PEERS)],
  },
  {
    id: 'listener-bytes',
    title: 'a child with a callback',
    unit: 'B',
    make: bytes.listeners,
    targets: [{ atMost: 184 }, atLeast(3.7, [LISTENER], 6), atLeast(4, PEERS)],
  },
  {
    id: 'deadline-bytes',
    title: 'a child with a deadline',
    unit: 'B',
    make: bytes.deadlines,
    targets: [{ atMost: 216 }, atLeast(2.2, NATIVE, 5)],
  },
];

export const rows: readonly Row[] = [...moments, ...requests, ...trees, ...weights];
