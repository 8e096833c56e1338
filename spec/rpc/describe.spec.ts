import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { describeService, type Schema, serverStream, service, unary } from '../../lib/rpc/index.ts';
import { Counter } from './support/counter.ts';

const { validate } = z.string()['~standard'];
/** A Standard Schema that cannot print itself. */
const mute: Schema<string> = { '~standard': { version: 1, vendor: 'spec', validate: validate as never } };

describe('a contract in print', () => {
  it('names each method by its path, with its kind and the JSON Schemas of what crosses the wire', () => {
    const number = { type: 'object', properties: { n: { type: 'integer' } }, required: ['n'] };
    const described = JSON.parse(JSON.stringify(describeService(Counter)));
    expect(described.service).toBe('demo.v1.Counter');
    expect(Object.keys(described.methods)).toEqual(['double', 'upTo', 'sum', 'chat']);
    expect(described.methods.double).toMatchObject({
      path: '/demo.v1.Counter/double',
      kind: 'unary',
      idempotent: true,
      request: number,
      response: number,
    });
    expect(described.methods.chat).toMatchObject({ kind: 'bidi', idempotent: false });
  });

  it('shows what a sender writes, not what the schema makes of it at the receiver', () => {
    const input = z.object({ at: z.string().transform((text) => new Date(text)), limit: z.int().default(10) });
    const Log = service('Log', { read: serverStream({ input, output: z.codec(z.string(), z.date(), DATES) }) });
    const { request, response } = describeService(Log).methods.read ?? {};
    // What has a default need not be sent.
    expect(request).toMatchObject({ properties: { at: { type: 'string' } }, required: ['at'] });
    expect(response).toMatchObject({ type: 'string' });
  });

  it('says what to do where a schema cannot print itself, and then takes a function for it', () => {
    const Mute = service('Mute', { say: unary({ input: mute, output: mute }) });
    expect(() => describeService(Mute)).toThrow(
      new TypeError(
        'Expected each schema to print itself as JSON Schema; give `describeService` a function that does it.',
      ),
    );
    const { say } = describeService(Mute, (schema, side) => [schema === mute, side]).methods;
    expect(say).toMatchObject({ request: [true, 'input'], response: [true, 'input'] });
  });
});

const DATES = { decode: (text: string) => new Date(text), encode: (date: Date) => date.toISOString() };
