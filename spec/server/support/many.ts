/** Runs `times` tasks, `width` of them at once; a worker does one after the other. */
export async function many(
  times: number,
  width: number,
  task: (index: number, worker: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const work = async (worker: number) => {
    while (next < times) await task(next++, worker);
  };
  await Promise.all(Array.from({ length: width }, (_, worker) => work(worker)));
}
