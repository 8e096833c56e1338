import type { CancellationToken } from '../core/index.ts';
import { unwrap, waitFor } from '../task/index.ts';

/** Waiting for something to become true, without asking again and again: whoever changes something says so. */
export class Watch {
  readonly #looks = new Set<() => void>();

  /** Something has changed: all who wait look again. */
  changed(): void {
    for (const look of [...this.#looks]) look();
  }

  /** Resolves as soon as `test` holds; rejects with the token's error. */
  until(test: () => boolean, token: CancellationToken): Promise<void> {
    if (test()) return Promise.resolve();
    return new Promise<void>((resolve, reject) => {
      const look = () => {
        if (!test()) return;
        this.#looks.delete(look);
        registration.unregister();
        resolve();
      };
      this.#looks.add(look);
      const registration = token.onCancel((error) => {
        this.#looks.delete(look);
        reject(error);
      });
    });
  }

  /** Whether `test` has come true within so many milliseconds; rejects with the token's error. */
  async within(ms: number, test: () => boolean, token: CancellationToken): Promise<boolean> {
    if (test()) return true;
    const met = await waitFor((limited) => this.until(test, limited), Math.max(ms, 0), { token });
    return unwrap(met) !== undefined;
  }
}
