export { CancelReason, type CancelDetails } from './reason.ts';
export { CancellationError, isCancellation, reasonOf } from './error.ts';
export {
  type Cancellable,
  CancellationSource,
  type CancellationSourceConstructor,
  CancellationToken,
  type CancellationTokenStatics,
  type SourceOptions,
} from './source.ts';
export { Registration } from './registration.ts';
export type { CancelCallback, ChildOptions, Source } from './surface.ts';
export { CancelCell } from './cell.ts';

// Above: what users need. Below: what libraries, tests and inspectors on top of the core need.

export { type Clock, clock, setClock } from './clock.ts';
export { pendingAlarms, ringDue } from './alarm.ts';
export { currentToken, runAsCurrent, setCurrentToken } from './current.ts';
export { type Instrument, setInstrument } from './instrument.ts';
export { type Snapshot, snapshot } from './snapshot.ts';
export { tellDeadline, toToken } from './source.ts';
export { expected } from './argument.ts';
