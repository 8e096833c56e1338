import type { ChildProcess } from 'node:child_process';
import type { Readable } from 'node:stream';
import type { CancellationToken } from '../core/index.ts';
import { afterAwake, cancellable } from '../task/index.ts';

/** What a program has printed. */
export interface Printed {
  readonly stdout: string;
  readonly stderr: string;
}

/** What a process prints, as text; and whoever else has got hold of its outputs, which may outlive it. */
export class Output {
  over = false;
  readonly #streams: readonly Readable[];
  readonly #texts: readonly Promise<string>[];

  /** @param full called once, when one of the outputs has gone over the limit; no more is read then */
  constructor({ stdout, stderr }: ChildProcess, limit: number, full: () => void) {
    // A process that could not be started for want of files has none.
    this.#streams = [stdout, stderr].filter((stream) => stream != null);
    this.#texts = this.#streams.map((stream) => this.#collect(stream, limit, full));
  }

  /** Waits until both are closed; under a token that is cancelled, for so many milliseconds at most. */
  async whole(token: CancellationToken, graceMs: number): Promise<Printed> {
    const { cancelled } = token;
    const both = Promise.all(this.#texts);
    const disarm = cancelled ? afterAwake(graceMs, () => this.close()) : undefined;
    try {
      const [stdout, stderr] = (await (cancelled ? both : cancellable(both)(token))) as [string, string];
      return { stdout, stderr };
    } finally {
      disarm?.();
    }
  }

  /** Closes what is still open. Whoever holds the other end hears of it when it writes. */
  close(): void {
    for (const stream of this.#streams) stream.destroy();
  }

  #collect(stream: Readable, limit: number, full: () => void): Promise<string> {
    const chunks: Buffer[] = [];
    let size = 0;
    stream.on('data', (chunk: Buffer) => {
      size += chunk.length;
      if (size <= limit) chunks.push(chunk);
      else if (!this.over) {
        this.over = true;
        full();
        this.close();
      }
    });
    return new Promise((resolve) => stream.once('close', () => resolve(Buffer.concat(chunks).toString())));
  }
}
