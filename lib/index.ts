export {
  type Cancellable,
  type CancelCallback,
  CancelCell,
  CancelReason,
  CancellationError,
  CancellationSource,
  CancellationToken,
  isCancellation,
  Registration,
  reasonOf,
} from './core/index.ts';
