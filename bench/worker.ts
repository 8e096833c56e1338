// A process that measures one implementation of one case, a round whenever it is told to.
import type { Settings, Suite, Unit } from './harness.ts';
import { type Round, rounds } from './round.ts';

/** To the worker: first what to measure, then `round` again and again. */
export type Question =
  | { readonly ask: 'load'; readonly id: string; readonly unit: Unit; readonly settings: Settings }
  | { readonly ask: 'round' };

/** `round` is missing where the implementation has nothing of the kind. */
export type Answer =
  | { readonly round?: Round }
  /** `slow`: it was given up, and may not have done anything wrong. */
  | { readonly failed: string; readonly slow?: boolean };

const [suiteName, implementation] = process.argv.slice(2) as [string, string];

let next: (() => Promise<Round>) | undefined;
let close: (() => unknown) | undefined;
let uncaught: unknown;

/** The platform reports what a listener throws here, and goes on. */
process.on('uncaughtException', (error) => {
  uncaught = error;
});
process.on('disconnect', () => process.exit());
process.on('message', async (question: Question) => {
  process.send?.(await answer(question).catch(failure));
});

async function answer(question: Question): Promise<Answer> {
  if (question.ask === 'round') return next === undefined ? {} : { round: await next() };
  next = undefined;
  await close?.();
  close = undefined;
  const { suite } = (await import(`./${suiteName}.js`)) as { suite: Suite };
  const subject = await suite.subject(question.id, implementation, question.settings);
  if (subject === undefined) return {};
  close = () => subject.close?.();
  const found = await rounds(subject, question.unit, question.settings);
  next = found.next;
  return { round: found.warm };
}

async function failure(error: unknown): Promise<Answer> {
  await new Promise((resolve) => setImmediate(resolve));
  const causes = [error, uncaught].map((one) => (one instanceof Error ? one.message : String(one)));
  const overflow = causes.some((text) => /call stack/i.test(text));
  return { failed: overflow ? 'stack overflow' : (causes[0] as string) };
}
