/** A round is measured in parts, of which the best one counts: what else the machine does can only make one worse. */
const PARTS = 5;

/** Measures the parts of a round, one after the other. @param part is told how long it is to take, in milliseconds */
export async function parts(roundMs: number, part: (ms: number) => Promise<number>): Promise<number[]> {
  const found: number[] = [];
  for (let i = 0; i < PARTS; i++) found.push(await part(roundMs / PARTS));
  return found;
}

/** So many answers or cancels before the first part that counts, and no longer than this: V8 compiles as it sees code run, not as time passes. */
export const WARM_UP = { answers: 15_000, cancels: 1_500, ms: 5_000 };

/** Has `ask` answer until that has been seen often enough. @param ask returns how many it has answered */
export async function warmUp(maxOps: number, ask: () => Promise<number>): Promise<void> {
  const end = performance.now() + WARM_UP.ms;
  for (let left = Math.min(WARM_UP.answers, maxOps); left > 0 && performance.now() < end; ) left -= await ask();
}
