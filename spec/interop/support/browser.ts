import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome'];
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage', '--remote-debugging-port=0'];

/** One page, as a person sees it: a tab. */
export interface Tab {
  /** As a person closes it: the page is not asked. */
  close(): Promise<void>;
}

/** Chromium without a window, led by the plain HTTP part of its DevTools protocol. */
export class Browser {
  readonly #child: ChildProcess;
  readonly #profile: string;
  readonly #devTools: string;
  readonly #kill = (): void => {
    // The whole group, by the number that is its leader's.
    if (this.#child.pid !== undefined && this.#child.exitCode === null) process.kill(-this.#child.pid, 'SIGKILL');
  };

  private constructor(child: ChildProcess, profile: string, devTools: string) {
    this.#child = child;
    this.#profile = profile;
    this.#devTools = devTools;
  }

  /**
   * Starts the first one on the path. It takes certificates of anybody.
   *
   * @throws Error that says what to install
   */
  static async start(): Promise<Browser> {
    const profile = mkdtempSync(join(tmpdir(), 'nevermind-chromium-'));
    for (const name of NAMES) {
      const args = [...FLAGS, '--ignore-certificate-errors', `--user-data-dir=${profile}`, 'about:blank'];
      // A group of its own: what is on the path may be a script that starts the browser proper.
      const child = spawn(name, args, { stdio: ['ignore', 'ignore', 'pipe'], detached: true });
      const devTools = await listening(child).catch((error: NodeJS.ErrnoException) => {
        if (error.code !== 'ENOENT') throw error;
      });
      if (devTools === undefined) continue;
      const browser = new Browser(child, profile, devTools);
      process.once('exit', browser.#kill);
      return browser;
    }
    rmSync(profile, { recursive: true });
    throw new Error('These specs need Chromium on the path: install the package chromium.');
  }

  async open(url: string): Promise<Tab> {
    const response = await fetch(`${this.#devTools}/json/new?${encodeURIComponent(url)}`, { method: 'PUT' });
    const { id } = (await response.json()) as { id: string };
    return { close: async () => void (await fetch(`${this.#devTools}/json/close/${id}`)) };
  }

  async close(): Promise<void> {
    process.off('exit', this.#kill);
    if (this.#child.exitCode === null) {
      const gone = once(this.#child, 'exit');
      this.#kill();
      await gone;
    }
    rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5, retryDelay: 100 });
  }
}

/** Where its DevTools listen; the browser says so when it is ready. */
function listening(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`Chromium has left with ${code} before it listened.`)));
    createInterface({ input: child.stderr as NonNullable<typeof child.stderr> }).on('line', (line) => {
      const [, address] = /^DevTools listening on ws:\/\/([^/]+)\//.exec(line) ?? [];
      if (address !== undefined) resolve(`http://${address}`);
    });
  });
}
