// One implementation in one case: its process, and what it has measured so far.
import type { Case, Figure } from './harness.ts';
import type { Remote } from './remote.ts';
import type { Round, Settings } from './round.ts';
import type { Question } from './worker.ts';

/** Rounds go on for so long in one implementation; then those it has done must do. */
const BUDGET_MS = 3000;

export class Contender {
  readonly name: string;
  readonly remote: Remote;
  readonly #rounds: Round[] = [];
  /** The last of the warm-up, which counts where nothing else was measured. */
  #warm: Round | undefined;
  #spent = 0;
  #failed: string | undefined;

  constructor(name: string, remote: Remote) {
    this.name = name;
    this.remote = remote;
  }

  async load({ id, unit }: Case, settings: Settings): Promise<void> {
    this.#warm = await this.#ask({ ask: 'load', id, unit, settings });
  }

  /** Does nothing in an implementation that has failed, is too slow or has nothing of the kind. */
  async round(): Promise<void> {
    if (this.#warm === undefined || this.#failed !== undefined || this.#spent > BUDGET_MS) return;
    const round = await this.#ask({ ask: 'round' });
    if (round !== undefined) this.#rounds.push(round);
  }

  figure(): Figure | undefined {
    if (this.#failed !== undefined) return { failed: this.#failed };
    if (this.#warm === undefined) return undefined;
    const rounds = this.#rounds.length > 0 ? this.#rounds : [this.#warm];
    const figures = rounds.map(({ figure }) => Number(figure.toPrecision(4)));
    const only = rounds.at(-1)?.only;
    return only === undefined ? { rounds: figures } : { rounds: figures, only };
  }

  async #ask(question: Question): Promise<Round | undefined> {
    const start = performance.now();
    const answer = await this.remote.ask(question);
    this.#spent += performance.now() - start;
    if (!('failed' in answer)) return answer.round;
    this.#failed = answer.failed;
    return undefined;
  }
}
