import type { CancellationToken } from '../core/index.ts';

/** Waiting for something to become true, without asking again and again: whoever changes something says so. */
export class Watch {
  readonly #looks = new Set<() => void>();

  /** Something has changed: all who wait look again. */
  changed(): void {
    for (const look of [...this.#looks]) look();
  }

  /**
   * Resolves with true as soon as `test` holds, with false when the token's deadline passes first. Rejects with the token's
   * error when it is cancelled for any other reason.
   */
  until(test: () => boolean, token: CancellationToken): Promise<boolean> {
    return new Promise<boolean>((resolve, reject) => {
      const look = () => {
        if (!test()) return;
        this.#looks.delete(look);
        registration.unregister();
        resolve(true);
      };
      this.#looks.add(look);
      const registration = token.onCancel((error) => {
        this.#looks.delete(look);
        if (error.reason === 'TIMEOUT') resolve(test());
        else reject(error);
      });
      look();
    });
  }
}
