// One implementation in one case: its process, and what it has measured so far.
import type { Case, Figure, Settings } from './harness.ts';
import type { Remote } from './remote.ts';
import type { Round } from './round.ts';
import type { Question } from './worker.ts';

export class Contender {
  readonly name: string;
  readonly #rounds: Round[] = [];
  #remote: Remote | undefined;
  /** The last of the warm-up, which counts where nothing else was measured. */
  #warm: Round | undefined;
  #spent = 0;
  #failed: string | undefined;
  /** It was only too slow: what it has measured by then holds. */
  #slow = false;
  #nothing = false;
  readonly #budgetMs: number;

  /** @param budgetMs rounds go on for so long; then those that are done must do */
  constructor(name: string, budgetMs: number) {
    this.name = name;
    this.#budgetMs = budgetMs;
  }

  /** False once it has failed, has had its time or has turned out to have nothing of the kind. */
  get going(): boolean {
    return this.#failed === undefined && !this.#nothing && this.#spent <= this.#budgetMs;
  }

  /** Goes on in a process of its own; its rounds join those it has done. */
  async load(remote: Remote, { id, unit }: Case, settings: Settings): Promise<void> {
    this.#remote = remote;
    this.#warm = await this.#ask({ ask: 'load', id, unit, settings });
    this.#nothing = this.#warm === undefined;
  }

  async round(): Promise<void> {
    if (!this.going) return;
    const round = await this.#ask({ ask: 'round' });
    if (round !== undefined) this.#rounds.push(round);
  }

  figure(): Figure | undefined {
    // One wrong answer, or a lost cancel, is not made good by those that were right.
    if (this.#failed !== undefined && !(this.#slow && this.#rounds.length > 0)) return { failed: this.#failed };
    const rounds = this.#rounds.length > 0 || this.#warm === undefined ? this.#rounds : [this.#warm];
    if (rounds.length === 0) return undefined;
    const figures = rounds.map(({ figure }) => Number(figure.toPrecision(4)));
    const only = rounds.at(-1)?.only;
    return only === undefined ? { rounds: figures } : { rounds: figures, only };
  }

  async #ask(question: Question): Promise<Round | undefined> {
    const start = performance.now();
    const answer = (await this.#remote?.ask(question)) ?? {};
    this.#spent += performance.now() - start;
    if (!('failed' in answer)) return answer.round;
    this.#failed = answer.failed;
    this.#slow = answer.slow === true;
    return undefined;
  }
}
