// What must not compile, and what must: checked by `tsc -p spec/tsconfig.json`, never run.
import {
  CancelCell,
  CancellationError,
  CancellationSource,
  CancellationToken,
  CancelReason,
  isCancellation,
  type Registration,
  type reasonOf,
  type Source,
} from '../../lib/core/index.ts';

declare const token: CancellationToken;
declare const source: CancellationSource;
declare const registration: Registration;
declare const cell: CancelCell;
declare const unknownError: unknown;

type Same<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : false;
const yes = <T extends true>(): T | undefined => undefined;

/** S2-01, S2-20, S2-21: whoever holds a token cannot cancel. */
export function tokensCannotCancel(): void {
  // @ts-expect-error a token has no cancel
  token.cancel();
  // @ts-expect-error nor a way to be closed
  token.close();
  // @ts-expect-error nor a timer to be set
  token.cancelAfter(1);
  // @ts-expect-error and does not lead to its source
  token.source;
  // @ts-expect-error a signal does not lead to a controller
  token.signal.abort();
  // @ts-expect-error a token is not a source
  const _source: CancellationSource = token;
  // @ts-expect-error a source is not a token
  const _token: CancellationToken = source;
  // @ts-expect-error what looks like a token is none
  const _forged: CancellationToken = { cancelled: false, canBeCancelled: true };
  // @ts-expect-error what has a token is no source
  const _stolen: CancellationSource = { ...source, token };
  // @ts-expect-error a token is not made by hand
  new CancellationToken();
  // @ts-expect-error a promise of the library has no cancel
  source.cancelAsync().cancel();
  // @ts-expect-error a handle of a cell cannot flip it
  cell.handle().flip('SHUTDOWN');
}

/** S2-15: neither a token nor a source says whether a cancellation has finished. */
export function nothingTellsTheEnd(): void {
  // @ts-expect-error there is no such question
  token.finished;
  // @ts-expect-error a source is no promise
  source.then;
  // @ts-expect-error cancel answers at once
  source.cancel().then;
}

export function stateIsReadOnly(): void {
  // @ts-expect-error the state is not to be set
  token.cancelled = true;
  // @ts-expect-error nor the reason
  token.reason = 'TIMEOUT';
  // @ts-expect-error nor the deadline
  token.deadline = 0;
  // @ts-expect-error nor a source's token
  source.token = token;
  // @ts-expect-error reasons are what they are
  CancelReason.CANCELLED = 'TIMEOUT';
  // @ts-expect-error an error's reason stays
  new CancellationError().reason = 'TIMEOUT';
}

export function wrongOptionsDoNotCompile(): void {
  // @ts-expect-error a timeout is a number of milliseconds
  new CancellationSource({ timeout: '10s' });
  // @ts-expect-error a deadline is a number, not a date
  new CancellationSource({ deadline: new Date() });
  // @ts-expect-error there is no such option
  new CancellationSource({ timeoutMs: 10 });
  // @ts-expect-error a parent is a token or a signal, never a source
  new CancellationSource({ parent: source });
  // @ts-expect-error nor are several parents sources
  new CancellationSource({ parent: [source] });
  // @ts-expect-error nor is a source an option
  new CancellationSource(source);
  // @ts-expect-error parents in a list go under `parent`
  new CancellationSource([token]);
  // @ts-expect-error a controller is not a signal
  new CancellationSource(new AbortController());
  // @ts-expect-error a child has one parent, the token it is asked of
  token.child({ parent: token });
  // @ts-expect-error a hook gets an AggregateError
  new CancellationSource({ onCallbackError: (error: string) => error });
}

export function wrongArgumentsDoNotCompile(): void {
  // @ts-expect-error an unknown reason
  source.cancel('BORED');
  // @ts-expect-error a reason is no number
  source.cancel(499);
  // @ts-expect-error a description is a text
  source.cancel('CANCELLED', { description: 1 });
  // @ts-expect-error details are no text
  source.cancel('CANCELLED', 'user closed the tab');
  // @ts-expect-error a callback is a function, or an object with onCancelled
  token.onCancel('stop');
  // @ts-expect-error a callback gets an error
  token.onCancel((reason: CancelReason) => reason);
  // @ts-expect-error tokens one by one, not in a list
  CancellationToken.any([token]);
  // @ts-expect-error a token is followed already
  CancellationToken.from(token);
  // @ts-expect-error a timeout has to be said
  CancellationToken.timeout();
  // @ts-expect-error a flip has a reason
  cell.flip();
}

export function whatMustCompile(signal: AbortSignal): void {
  const child: CancellationSource = token.child({
    timeout: 10,
    deadline: 20,
    name: 'child',
    onCallbackError: () => {},
  });
  const asSource: Source<CancellationToken> = child;
  const disposable: Disposable = asSource;
  const parents: Iterable<CancellationToken | AbortSignal> = [token, signal];
  new CancellationSource({ parent: parents, timeout: undefined, name: undefined });
  new CancellationSource(signal);
  new CancellationSource(token);
  source.cancel(CancelReason.SHUTDOWN, { description: 'drain', cause: disposable });
  source.cancel('SHUTDOWN', { description: undefined });
  token.onCancel(() => {});
  token.onCancel(async (error) => {
    error.reason satisfies CancelReason;
    error.cause satisfies unknown;
  });
  token.onCancel({ onCancelled: (given) => given.reason });
  const both: Disposable & AsyncDisposable = registration;
  CancellationToken.any(token, signal, ...[token, both as unknown as AbortSignal]);
  new Request('', { signal: token.signal });
  using _child = token.child();
  using _cell = new CancelCell();
}

export async function asyncDisposal(): Promise<void> {
  await using _registration = token.onCancel(() => {});
}

export function answers(): void {
  yes<Same<typeof token.cancelled, boolean>>();
  yes<Same<typeof token.reason, CancelReason | undefined>>();
  yes<Same<typeof token.error, CancellationError | undefined>>();
  yes<Same<ReturnType<typeof source.cancel>, boolean>>();
  yes<Same<ReturnType<typeof registration.unregister>, boolean>>();
  yes<Same<CancelReason, 'CANCELLED' | 'PEER_CLOSED' | 'TIMEOUT' | 'SHUTDOWN'>>();
  yes<Same<ReturnType<typeof reasonOf>, CancelReason | undefined>>();
  if (isCancellation(unknownError)) yes<Same<typeof unknownError, CancellationError>>();
  if (unknownError instanceof CancellationError) unknownError.description satisfies string | undefined;
  // @ts-expect-error an error has no description of another kind
  new CancellationError().description satisfies number;
}
