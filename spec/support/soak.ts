/** How many times as much `npm run soak` does; 1 in every other run. */
export const scale: number = Number(process.env.SOAK ?? 1);
