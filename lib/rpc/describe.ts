import type { Kind, Service } from './contract.ts';
import { methodPath } from './contract.ts';
import type { Schema } from './schema.ts';

/** A schema as JSON Schema. @param side which of its two sides: what is written, or what is read */
export type ToJsonSchema = (schema: Schema, side: 'input' | 'output') => unknown;

/** A contract as plain JSON, for people and programs that have no TypeScript. */
export interface ServiceDescription {
  readonly service: string;
  readonly methods: Readonly<Record<string, MethodDescription>>;
}

export interface MethodDescription {
  readonly path: string;
  readonly kind: Kind;
  readonly idempotent: boolean;
  /** JSON Schemas of what crosses the wire. */
  readonly request: unknown;
  readonly response: unknown;
}

/**
 * Prints a contract with JSON Schemas of what crosses the wire: the input side of each schema.
 *
 * @param convert makes a JSON Schema; left out, the schema is asked itself (Standard JSON Schema, which zod has from 4.2)
 * @throws TypeError for a schema that cannot say it itself
 */
export function describeService(service: Service, convert: ToJsonSchema = ask): ServiceDescription {
  const methods = Object.entries(service.methods).map(([name, { kind, idempotent, input, output }]) => [
    name,
    {
      path: methodPath(service, name),
      kind,
      idempotent,
      request: convert(input, 'input'),
      response: convert(output, 'input'),
    },
  ]);
  return { service: service.name, methods: Object.fromEntries(methods) };
}

interface JsonSchemas {
  readonly jsonSchema?: Readonly<Record<'input' | 'output', (options: { target: string }) => unknown>>;
}

function ask(schema: Schema, side: 'input' | 'output'): unknown {
  const { jsonSchema } = schema['~standard'] as JsonSchemas;
  if (jsonSchema !== undefined) return jsonSchema[side]({ target: 'draft-2020-12' });
  throw new TypeError(
    'Expected each schema to print itself as JSON Schema; give `describeService` a function that does it.',
  );
}
