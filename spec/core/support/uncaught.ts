/** Runs `act`, and hands out what became an uncaught exception or an unhandled rejection until the event loop has turned. */
export async function uncaughtDuring(act: () => unknown): Promise<unknown[]> {
  const events = ['uncaughtException', 'unhandledRejection'] as const;
  const before = events.map((event) => process.listeners(event as 'uncaughtException'));
  const caught: unknown[] = [];
  const listener = (error: unknown) => void caught.push(error);
  for (const event of events) {
    process.removeAllListeners(event);
    process.on(event, listener);
  }
  try {
    await act();
    // Microtasks, next ticks and the check for unhandled rejections all come before the second turn.
    for (let turn = 0; turn < 2; turn++) await new Promise<void>((resolve) => setImmediate(resolve));
  } finally {
    for (const [i, event] of events.entries()) {
      process.off(event, listener);
      for (const one of before[i]!) process.on(event, one);
    }
  }
  return caught;
}
