import type { CancelReason } from '../core/index.ts';
import { answerError, answerStopped, answerThrown, answerValue } from './answer.ts';
import { encodeJson } from './codec.ts';
import { gzip } from './gzip.ts';
import { receive } from './receive.ts';
import { takesGzip } from './router.ts';
import { read } from './schema.ts';
import { ServedCall } from './served-call.ts';

/** One request, one response, both bare JSON. */
export class ServedUnary extends ServedCall {
  protected async work(): Promise<void> {
    try {
      const { exchange, route, settings } = this;
      const received = await receive(exchange, route, settings.maxBodyBytes);
      if (this.over) return;
      const { refusal } = received;
      if (refusal !== undefined)
        return this.end(() => answerError(exchange, refusal.status, refusal.code, refusal.message));
      const response = await this.start(received.request);
      // Checked, and then sent as it was written: to read it by the schema is the caller's part.
      const checked = read(route.method.output, response, 'response');
      if (checked instanceof Promise) await checked;
      if (this.over) return this.abandon({ kind: 'value', value: response });
      const json = encodeJson(response, 'response');
      // Characters, where bytes are meant: a threshold need not be exact.
      if (json.length < settings.compressMinBytes || !takesGzip(exchange.header('accept-encoding')))
        return this.end(() => answerValue(exchange, json));
      const packed = await gzip(new TextEncoder().encode(json));
      this.end(() => answerValue(exchange, packed, 'gzip'));
    } catch (error) {
      this.failed(error);
    }
  }

  protected answerStopped(reason: CancelReason, whileReading: boolean): void {
    answerStopped(this.exchange, reason, whileReading);
  }

  protected answerThrown(error: unknown): void {
    answerThrown(this.exchange, error);
  }
}
