import { describe, expect, it } from 'vitest';
import { z } from 'zod';
import { createClient } from '../../lib/rpc/client.ts';
import { serverStream, service, unary } from '../../lib/rpc/index.ts';
import { createHandler, implement } from '../../lib/rpc/server.ts';
import { fetchInto, Greeter } from './support/greeter.ts';

const text = z.string();

describe('service', () => {
  it('keeps its name and methods, and cannot be changed afterwards', () => {
    expect(Greeter.name).toBe('demo.v1.Greeter');
    expect(Greeter.methods.greet).toMatchObject({ kind: 'unary', idempotent: false });
    expect(Object.isFrozen(Greeter) && Object.isFrozen(Greeter.methods) && Object.isFrozen(Greeter.methods.greet)).toBe(
      true,
    );
  });

  it.each(['', 'a/b', '.a', 'a b', 7, undefined])('refuses the name %j', (name) => {
    // @ts-expect-error a name that is no string
    expect(() => service(name, {})).toThrow(TypeError);
  });

  it.each(['then', 'a/b', '', '1a'])('refuses the method name %j', (name) => {
    expect(() => service('S', { [name]: unary({ input: text, output: text }) })).toThrow(/Expected a method of S/);
  });

  it('refuses a method that is none, and a schema that is none', () => {
    // @ts-expect-error not made by unary
    expect(() => service('S', { greet: {} })).toThrow('Expected `S.greet` to be made by unary({ input, output })');
    // @ts-expect-error not a schema
    expect(() => unary({ input: {}, output: text })).toThrow('Expected `input` to be a Standard Schema');
    // @ts-expect-error no stream is
    expect(() => serverStream({ input: text, output: text, idempotent: true })).toThrow('not to be `idempotent`');
    // @ts-expect-error not a schema
    expect(() => unary({ input: text })).toThrow('Expected `output` to be a Standard Schema');
  });
});

describe('implement', () => {
  it('wants a function for each method', () => {
    // @ts-expect-error greet is missing
    expect(() => implement(Greeter, {})).toThrow('Expected `demo.v1.Greeter.greet` to be implemented by a function');
    // @ts-expect-error greet is no function
    expect(() => implement(Greeter, { greet: 1 })).toThrow(TypeError);
  });

  it('types requests and responses by the schemas', () => {
    const Sized = service('Sized', {
      measure: unary({ input: z.object({ text: z.string().default('') }), output: z.number().transform(String) }),
    });
    implement(Sized, { measure: (request) => request.text.length });
    // @ts-expect-error the sender of a transformed output writes its input
    implement(Sized, { measure: (request) => request.text });
    // @ts-expect-error no such field
    implement(Sized, { measure: (request) => request.size });
  });
});

describe('a method with a name that every object knows something by', () => {
  const names = ['toString', 'valueOf', 'constructor', 'hasOwnProperty'];

  it.each(names)('%s is called and implemented like any other', async (name) => {
    const odd = service('demo.v1.Odd', { [name]: unary({ input: text, output: text }) });
    const handler = createHandler([implement(odd, { [name]: (request: string) => `${request}!` })]);
    const client = createClient(odd, { baseUrl: 'http://localhost', fetch: fetchInto(handler), timeouts: {} });
    expect(await client[name]?.('a')).toBe('a!');
  });

  it.each(names)('%s is missing where nobody has written it', (name) => {
    const odd = service('demo.v1.Odd', { [name]: unary({ input: text, output: text }) });
    const message = `Expected \`demo.v1.Odd.${name}\` to be implemented by a function`;
    expect(() => implement(odd, {} as never)).toThrow(message);
    expect(() => implement(odd, new (class {})() as never)).toThrow(message);
  });

  it('may be written in a class', async () => {
    const odd = service('demo.v1.Odd', { toString: unary({ input: text, output: text }) });
    class Work {
      toString(request?: string) {
        return `${request}!`;
      }
    }
    const fetch = fetchInto(createHandler([implement(odd, new Work())]));
    expect(await createClient(odd, { baseUrl: 'http://localhost', fetch }).toString('a')).toBe('a!');
  });
});
