/** One request, as it goes over the wire again and again. */
export interface Ask {
  readonly method: 'GET' | 'POST';
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/**
 * A client that keeps so many requests under way, written by hand on sockets: it must cost much less than the server it loads, or
 * it would be what is measured. It takes no answer but one of status 200.
 */
export interface Load {
  /**
   * Asks anew for each answer, until `ms` have passed and what is under way has come.
   *
   * @throws Error for any other answer, or none
   */
  run(ms: number): Promise<Answered>;
  /** Asks once more with each, and does not wait. @returns resolves when all of it has been handed to the kernel */
  hold(): Promise<void>;
  close(): void;
}

export interface Answered {
  readonly answers: number;
  /** How long it took, in milliseconds. */
  readonly ms: number;
}

/** One of the requests that are kept under way. */
export interface Lane {
  ask(): void;
}

/**
 * What a round counts, whatever the protocol: lanes ask again as long as there is time. It never sleeps meanwhile: to wake a client
 * is a good part of what an answer costs a server, and only the slower of two servers would have to do it.
 */
export class Round {
  readonly #lanes: readonly Lane[];
  readonly #start: number = performance.now();
  readonly #end: number;
  readonly #resolve: (answered: Answered) => void;
  #answers = 0;
  #idle = 0;

  constructor(lanes: readonly Lane[], ms: number, resolve: (answered: Answered) => void) {
    this.#lanes = lanes;
    this.#end = this.#start + ms;
    this.#resolve = resolve;
    for (const lane of lanes) lane.ask();
    this.#stayAwake();
  }

  answered(lane: Lane): void {
    this.#answers++;
    const now = performance.now();
    if (now < this.#end) lane.ask();
    else if (++this.#idle === this.#lanes.length) this.#resolve({ answers: this.#answers, ms: now - this.#start });
  }

  #stayAwake(): void {
    if (this.#idle < this.#lanes.length) setImmediate(() => this.#stayAwake());
  }
}
