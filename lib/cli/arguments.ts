import { parseArgs } from 'node:util';
import { z } from 'zod';

/** What is wrong with the command line, in one sentence. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** A switch, such as `--json`. */
export const flag: z.ZodDefault<z.ZodBoolean> = z.boolean().default(false);

/** A whole number, such as `--hops 3`. */
export function whole(least: number, most: number, otherwise: number): Option<number> {
  const words = `a whole number from ${least} to ${most}`;
  return z
    .string()
    .refine((text) => /^\d{1,9}$/.test(text) && Number(text) >= least && Number(text) <= most, words)
    .transform(Number)
    .default(otherwise);
}

/** The name of a file, such as `--json FILE`. */
export const file: z.ZodOptional<z.ZodString> = z.string().min(1, 'the name of a file').optional();

/** One of a few words, such as `--transport h2c`. */
export function word<const W extends string>(words: readonly W[], otherwise: W): Option<W> {
  const list = `${words.slice(0, -1).join(', ')} or ${words.at(-1)}`;
  return z
    .string()
    .refine((text) => (words as readonly string[]).includes(text), list)
    .default(otherwise) as unknown as Option<W>;
}

/** How many times as much, such as `--budget 1.5x`. */
export const times: z.ZodOptional<Option<number>> = z
  .string()
  .refine((text) => /^\d+(\.\d+)?x$/.test(text) && Number.parseFloat(text) > 0, 'a number of times, such as 1.5x')
  .transform(Number.parseFloat)
  .optional();

/** A part of something, such as `--tolerance 20%`, as a number from 0 on. */
export const percent: z.ZodOptional<Option<number>> = z
  .string()
  .refine((text) => /^\d+(\.\d+)?%$/.test(text), 'a percentage, such as 20%')
  .transform((text) => Number.parseFloat(text) / 100)
  .optional();

export type Option<T> = z.ZodType<T, string | undefined>;

type Options = Readonly<Record<string, z.ZodType>>;
type Values<O extends Options> = { readonly [K in keyof O]: z.output<O[K]> };

/**
 * Reads the arguments of one command.
 *
 * @param options what the command takes; a {@link flag} stands alone, all others take a value
 * @throws UsageError that says what was expected and what came
 */
export function readArguments<O extends Options>(command: string, args: readonly string[], options: O): Values<O> {
  const config = Object.entries(options).map(([name, option]) => [
    name,
    { type: option === flag ? 'boolean' : 'string' },
  ]);
  const see = `See \`nevermind ${command} --help\`.`;
  let values: Record<string, unknown>;
  try {
    ({ values } = parseArgs({ args: [...args], options: Object.fromEntries(config), strict: true }));
  } catch (error) {
    // Node goes on to explain how to pass such a thing as a positional argument, which no command here takes.
    const [sentence = ''] = String((error as Error).message).split(/\. |\n/);
    throw new UsageError(`${sentence.replace(/\.$/, '')}. ${see}`);
  }
  const { data, error } = z.object(options).safeParse(values, { reportInput: true });
  const issue = error?.issues[0];
  if (issue === undefined) return data as Values<O>;
  throw new UsageError(
    `Expected --${issue.path.join('.')} to be ${issue.message}, got '${String(issue.input)}'. ${see}`,
  );
}
