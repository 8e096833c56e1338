/**
 * Drains at the first of these signals and forces at the second; from the third on they do what they did before.
 *
 * @returns stops following; the second signal of a drain under way is still heard
 */
export function followSignals(
  signals: readonly NodeJS.Signals[],
  drain: () => Promise<unknown>,
  close: () => Promise<void>,
): () => void {
  let draining = false;
  const hear = () => {
    if (draining) return void close();
    draining = true;
    void drain().finally(unfollow);
  };
  const unfollow = () => {
    for (const signal of signals) process.off(signal, hear);
  };
  for (const signal of signals) process.on(signal, hear);
  return () => {
    if (!draining) unfollow();
  };
}
