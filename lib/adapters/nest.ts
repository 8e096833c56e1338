// NestJS: an interceptor, on Express and on Fastify.
import type { CallHandler, ExecutionContext, NestInterceptor } from '@nestjs/common';
import type { CancellationToken } from '../core/index.ts';
import {
  type DrainReport,
  type NodeRequest,
  type NodeResponse,
  Reception,
  type ReceptionDrainOptions,
  type ReceptionOptions,
  type Visit,
} from '../server/index.ts';

export interface NestCancellation extends NestInterceptor {
  /** See {@link Reception.drain}. */
  drain(options?: ReceptionDrainOptions | number): Promise<DrainReport>;
  /** Nest's hook: where the interceptor is a provider, `app.close()` starts the drain and awaits it. */
  beforeApplicationShutdown(): Promise<unknown>;
}

/**
 * Puts the routes of a NestJS application under tokens.
 *
 *     @Module({ providers: [{ provide: APP_INTERCEPTOR, useValue: cancellation({ handlerTimeoutMs: 5_000 }) }] })
 *     // in a controller: report(@Req() request) { return work(tokenOf(request)); }
 *
 * or `app.useGlobalInterceptors(cancelling)`; as a provider it also drains when the application closes
 * (`app.enableShutdownHooks()`).
 *
 * Each request has a token ({@link tokenOf}), which is the current one in the interceptors, pipes and handlers that follow; guards
 * and middlewares come before. It is cancelled when the peer leaves before the response was ended (`PEER_CLOSED`), resets its
 * stream (`CANCELLED`), at a deadline (`TIMEOUT`: the caller's `connect-timeout-ms` and the limits of `options`, answered with 504)
 * and on a drain (`SHUTDOWN`: 503); never after success. What a handler throws because its request was cancelled ends here; any
 * other error goes on to the exception filters.
 *
 * Contexts other than HTTP are passed through.
 *
 * @throws TypeError that names the option
 */
export function cancellation(options: ReceptionOptions = {}): NestCancellation {
  const reception = new Reception(options, ({ status, message }) => ({
    type: 'application/json; charset=utf-8',
    body: JSON.stringify({ statusCode: status, message }),
  }));
  return {
    intercept: (context, next) => intercept(reception, context, next),
    drain: (how) => reception.drain(how),
    beforeApplicationShutdown: () => reception.drain(),
  };
}

/** rxjs as Nest has it: nothing of it is imported, so that there is one copy, of whatever version. */
type Handled = ReturnType<CallHandler['handle']>;

interface Subscriber {
  next(value: unknown): void;
  error(error: unknown): void;
  complete(): void;
}

/** A request or response of Express, or of Fastify, which has Node's inside. */
type Raw<T> = T & { readonly raw?: T };

function intercept(reception: Reception, context: ExecutionContext, next: CallHandler): Handled {
  if (context.getType() !== 'http') return next.handle();
  const http = context.switchToHttp();
  const req = http.getRequest<Raw<NodeRequest>>();
  const res = http.getResponse<Raw<NodeResponse>>();
  const visit = reception.admit(req.raw ?? req, res.raw ?? res);
  // Nothing of it runs before somebody subscribes, and what runs then runs where this was called.
  const handled = visit === undefined ? next.handle() : visit.run(() => next.handle());
  return observable(handled, (subscriber) => {
    if (visit === undefined) return nothing(subscriber);
    return follow(visit, handled, subscriber);
  });
}

function observable(like: Handled, subscribe: (subscriber: Subscriber) => unknown) {
  const Own = like.constructor as new (subscribe: (subscriber: Subscriber) => unknown) => Handled;
  return new Own(subscribe);
}

function follow(visit: Visit, handled: Handled, subscriber: Subscriber): () => void {
  let end!: () => void;
  let stop!: (error: unknown) => void;
  const ended = new Promise<void>((resolve, reject) => {
    end = resolve;
    stop = reject;
  });
  void visit.track(() => ended);
  const subscription = handled.subscribe({
    next: (value) => subscriber.next(value),
    error(error) {
      if (visit.settles(error)) {
        // Before Nest hears of an end, and takes its subscription back.
        stop(error);
        nothing(subscriber);
      } else {
        subscriber.error(error);
        end();
      }
    },
    complete() {
      subscriber.complete();
      end();
    },
  });
  return () => {
    subscription.unsubscribe();
    end();
  };
}

/** Nest wants a value, which goes to a response that takes nothing more. */
function nothing(subscriber: Subscriber): void {
  subscriber.next(undefined);
  subscriber.complete();
}

/** The token of a request. @throws TypeError for a request that did not pass {@link cancellation} */
export function tokenOf(request: NodeRequest | { readonly raw: NodeRequest }): CancellationToken {
  const raw = request !== null && typeof request === 'object' && 'raw' in request ? request.raw : request;
  return Reception.tokenOf(
    raw,
    'request',
    'app.useGlobalInterceptors(cancellation()); guards and middlewares come before it.',
  );
}
