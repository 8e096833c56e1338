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
