/**
 * The child's end of the channel.
 *
 * @param hear gets each message of the parent; what it throws or rejects with is told to the parent, and ends the process
 * @returns tells the parent
 */
export function followParent<Told, Tells extends object>(
  hear: (message: Told) => Promise<void> | void,
): (message: Tells) => void {
  // However the parent ends, also by SIGKILL, its end of the channel closes.
  process.once('disconnect', () => process.exit());
  // A terminal sends Ctrl-C to the whole group; the parent sees to the rest.
  process.on('SIGINT', () => {});
  // The parent may have gone a moment ago; 'disconnect' follows.
  const tell = (message: object) => void process.send?.(message, undefined, undefined, () => {});
  const fail = (error: unknown) => tell({ failed: error instanceof Error ? error.message : String(error) });
  process.on('message', (message: Told) => {
    new Promise<void>((resolve) => resolve(hear(message))).catch(fail);
  });
  return tell;
}
