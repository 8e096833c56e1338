/** How many times as much `npm run soak` does; 1 in every other run. */
export const scale: number = Number(process.env.SOAK ?? 1);

/** A count that is promised as a whole: `whole` in the long form, a part of it in every run. */
export function count(part: number, whole: number): number {
  return scale > 1 ? whole : part;
}
