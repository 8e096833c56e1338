// In the process that serves.
import type { Usage } from './service.ts';

/** Tells the worker where it is served, and what that has cost whenever it asks. Ends with the worker. */
export async function provide(port: Promise<number>, held: () => number): Promise<void> {
  process.on('disconnect', () => process.exit());
  process.on('message', async ({ collected }: { collected: boolean }) => {
    if (collected) await collect();
    const { user, system } = process.cpuUsage();
    const usage: Usage = { cpuUs: user + system, rss: process.memoryUsage.rss(), held: held() };
    process.send?.(usage);
  });
  process.send?.(await port);
}

/** With turns of the event loop between: what has finalizers goes only when these have run. */
async function collect(): Promise<void> {
  for (let i = 0; i < 3; i++) {
    globalThis.gc?.();
    await new Promise((resolve) => setImmediate(resolve));
  }
}
