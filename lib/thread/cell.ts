// The memory that a token and its followers in other threads share.
//
//     word 0   MARK, by which a cell is told from any other shared memory
//     word 1   the state: LIVE, the number of a reason, or CLOSED
//     word 2   the milliseconds that were left at the time of sharing, as a float of 64 bits; words 2 and 3
//
// Invariants
// 1. The state is written once, by the thread that shared the token, and whoever waits on it is woken after that.
// 2. All else was written before the cell was handed out, so that only the state can change under a reader.
import { CancelReason, expected } from '../core/index.ts';

const MARK = 0x6e766d31;
const MARK_AT = 0;
const STATE_AT = 1;
const LEFT_AT = 1;
const BYTES = 16;

const LIVE = 0;
const CLOSED = -1;
/** What a number stands for is the same in every copy of this package: add at the end. */
const REASONS = [CancelReason.CANCELLED, CancelReason.PEER_CLOSED, CancelReason.TIMEOUT, CancelReason.SHUTDOWN];

type WaitAsync = (
  words: Int32Array,
  at: number,
  value: number,
) => { readonly async: true; readonly value: Promise<unknown> } | { readonly async: false };

/** ES2024, and there in every runtime this room is for; TypeScript's older libraries do not know it. */
const { waitAsync } = Atomics as unknown as { waitAsync: WaitAsync };

/** One cell, seen from one thread. */
export class Cell {
  readonly memory: SharedArrayBuffer;
  readonly #words: Int32Array;

  private constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#words = new Int32Array(memory);
  }

  /** @param left milliseconds, or Infinity */
  static make(left: number): Cell {
    if (typeof SharedArrayBuffer === 'undefined') throw new Error(NO_MEMORY);
    const cell = new Cell(new SharedArrayBuffer(BYTES));
    cell.#words[MARK_AT] = MARK;
    new Float64Array(cell.memory)[LEFT_AT] = left;
    return cell;
  }

  /** @throws TypeError for what is no cell */
  static of(memory: unknown): Cell {
    const shared = typeof SharedArrayBuffer !== 'undefined' && memory instanceof SharedArrayBuffer;
    if (!shared || memory.byteLength !== BYTES) throw new TypeError(expected('cell', WHAT, memory));
    const cell = new Cell(memory);
    if (cell.#words[MARK_AT] !== MARK) throw new TypeError(expected('cell', WHAT, memory));
    return cell;
  }

  get left(): number {
    return new Float64Array(this.memory)[LEFT_AT] as number;
  }

  get cancelled(): boolean {
    return Atomics.load(this.#words, STATE_AT) > LIVE;
  }

  /** A plain read costs a tenth of an atomic one, and is as good in practice; but no memory model promises it. */
  get seemsCancelled(): boolean {
    return (this.#words[STATE_AT] as number) > LIVE;
  }

  /** Why it was cancelled; ask only when it was. */
  get reason(): CancelReason {
    return REASONS[(this.#words[STATE_AT] as number) - 1] as CancelReason;
  }

  cancel(reason: CancelReason): void {
    this.#decide(REASONS.indexOf(reason) + 1);
  }

  close(): void {
    this.#decide(CLOSED);
  }

  #decide(state: number): void {
    if (Atomics.compareExchange(this.#words, STATE_AT, LIVE, state) === LIVE) Atomics.notify(this.#words, STATE_AT);
  }

  /** Resolves when the cell is decided or closed; it keeps no thread alive. */
  async over(): Promise<void> {
    for (let wait = this.#wait(); wait.async; wait = this.#wait()) await wait.value;
  }

  #wait(): ReturnType<WaitAsync> {
    return waitAsync(this.#words, STATE_AT, LIVE);
  }
}

const WHAT = 'a cell made by `shareToken`';
const NO_MEMORY =
  'Expected SharedArrayBuffer, which this page does not have; serve it cross-origin isolated (the COOP and COEP headers).';
