/** What a contract needs of a schema: the Standard Schema interface (standardschema.dev, version 1), which zod 4, Valibot and ArkType have. */
export interface Schema<In = unknown, Out = In> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Out> | Promise<SchemaResult<Out>>;
    readonly types?: { readonly input: In; readonly output: Out } | undefined;
  };
}

type SchemaResult<Out> = { readonly value: Out; readonly issues?: undefined } | { readonly issues: readonly Issue[] };

interface Issue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

/** What may be handed to the schema: the message as its sender writes it. */
export type InputOf<S extends Schema> = NonNullable<S['~standard']['types']>['input'];
/** What the schema hands out: the message as its receiver reads it. */
export type OutputOf<S extends Schema> = NonNullable<S['~standard']['types']>['output'];

/** A message that its schema has refused; the text names the path of each bad field. */
export class SchemaError extends Error {
  override readonly name = 'SchemaError';
}

/** More issues than these help nobody, and a message should not grow with a hostile body. */
const MOST_ISSUES = 8;
const LONGEST_PART = 200;

/**
 * Reads `message` by `schema`. A promise only where the schema is asynchronous, so that the common case costs no tick.
 *
 * @param what names the message in the error's text: 'request' or 'response'
 * @throws SchemaError, or rejects with it
 */
export function read<S extends Schema>(schema: S, message: unknown, what: string): OutputOf<S> | Promise<OutputOf<S>> {
  const result = schema['~standard'].validate(message);
  return result instanceof Promise ? result.then((result) => unwrap(result, what)) : unwrap(result, what);
}

function unwrap<T>(result: SchemaResult<T>, what: string): T {
  if (result.issues === undefined) return result.value;
  const lines = result.issues
    .slice(0, MOST_ISSUES)
    .map((issue) => `\`${cut(pathOf(issue, what))}\`: ${cut(issue.message)}`);
  const rest = result.issues.length - lines.length;
  throw new SchemaError(
    `Expected the ${what} to fit the contract; ${lines.join('; ')}${rest > 0 ? `; and ${rest} more` : ''}.`,
  );
}

function cut(text: string): string {
  return text.length > LONGEST_PART ? `${text.slice(0, LONGEST_PART)}…` : text;
}

/** `user.tags[2]`; the message's own name when the issue is with the whole of it. */
function pathOf(issue: Issue, what: string): string {
  let path = '';
  for (const step of issue.path ?? []) {
    const key = typeof step === 'object' ? step.key : step;
    path += typeof key === 'number' ? `[${key}]` : path === '' ? String(key) : `.${String(key)}`;
  }
  return path === '' ? what : path;
}
