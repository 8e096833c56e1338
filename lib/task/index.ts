export { AbandonedError, type Optional, type Outcome, type Task, unwrap } from './outcome.ts';
export type { TaskOptions } from './options.ts';
export { type Run, type RunOptions, run } from './run.ts';
export { waitAny, type Winner } from './wait-any.ts';
export { type Values, waitAll } from './wait-all.ts';
export { waitFor } from './wait-for.ts';
export { stopWhen } from './stop-when.ts';
export { type Scope, type ScopeOptions, type Spawned, scope } from './scope.ts';
export { withDeadline, type WithinOptions, withTimeout } from './timeout.ts';
export { shield, type ShieldOptions } from './shield.ts';
export { withoutCancel, type WithoutCancelOptions } from './without-cancel.ts';
export {
  type ContainOptions,
  justStopped,
  stoppedAsError,
  stoppedAsOptional,
  uponStopped,
} from './stopped.ts';
export { sleep, suspendForever } from './sleep.ts';
export { type Emitter, onceEvent } from './once-event.ts';
export { checkpoint, type CheckpointOptions } from './checkpoint.ts';
export { share, type ShareOptions } from './share.ts';
export { cancellable, type CancellableOptions, type CallbackOptions, type LeaveOptions } from './cancellable.ts';
export { iterate, type IterateOptions, type Streamed } from './iterate.ts';
export { coroutine, type Routine, waitOn } from './coroutine.ts';

// Above: what users need. Below: what libraries on top of the tasks need.

export { afterAwake } from './awake.ts';
