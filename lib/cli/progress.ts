const FRAMES = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const EVERY_MS = 80;

/** One line at the bottom of a terminal that shows what is going on; nothing where there is no terminal. */
export class Progress {
  readonly #text: () => string;
  readonly #timer: NodeJS.Timeout | undefined;
  #frame = 0;

  /** @param text asked for the line again and again */
  constructor(text: () => string) {
    this.#text = text;
    // On standard error, so that it shows when the result goes to a file.
    if (!process.stderr.isTTY || process.env.TERM === 'dumb') return;
    this.#timer = setInterval(() => this.#draw(), EVERY_MS).unref();
  }

  /** Takes the line away, as something else is to be printed. It comes back with the next frame. */
  clear(): void {
    if (this.#timer !== undefined) process.stderr.write('\r\x1b[2K');
  }

  end(): void {
    clearInterval(this.#timer);
    this.clear();
  }

  #draw(): void {
    const frame = FRAMES[this.#frame++ % FRAMES.length];
    const line = `  ${frame} ${this.#text()}`;
    process.stderr.write(`\r\x1b[2K${line.slice(0, (process.stderr.columns ?? 80) - 1)}`);
  }
}
