/**
 * The child's end of the channel.
 *
 * @param hear gets each message of the parent; what it throws or rejects with is told to the parent, and ends the process
 * @param leave what to do before the process ends
 * @returns tells the parent
 */
export function followParent<Told, Tells extends object>(
  hear: (message: Told) => Promise<void> | void,
  leave?: () => Promise<void>,
): (message: Tells) => void {
  // However the parent ends, also by SIGKILL, its end of the channel closes.
  process.once('disconnect', () => {
    if (leave === undefined) process.exit();
    leave().then(
      () => process.exit(),
      (error: Error) => {
        process.stderr.write(`${error?.stack ?? error}\n`);
        process.exit(1);
      },
    );
    setTimeout(() => process.exit(1), LEAVE_MS);
  });
  // A terminal sends Ctrl-C to the whole group, and what ends a session or a job may do the same with the others; the parent
  // sees to the rest. One that has nothing to leave behind may go, or, as a hop does, drain.
  for (const signal of leave === undefined ? CTRL_C : ENDING) process.on(signal, () => {});
  // The parent may have gone a moment ago; 'disconnect' follows.
  const tell = (message: object) => void process.send?.(message, undefined, undefined, () => {});
  const fail = (error: unknown) => tell({ failed: error instanceof Error ? error.message : String(error) });
  process.on('message', (message: Told) => {
    new Promise<void>((resolve) => resolve(hear(message))).catch(fail);
  });
  return tell;
}

const CTRL_C = ['SIGINT'] as const;
const ENDING = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

/** What a process may take to leave, in milliseconds. */
export const LEAVE_MS = 5_000;
