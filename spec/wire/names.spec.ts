import { describe, expect, it } from 'vitest';
import {
  isJsonType,
  isMetadataName,
  isMetadataValue,
  isMethodName,
  isServiceName,
  pathOf,
} from '../../lib/wire/index.ts';

describe('content type', () => {
  it.each([
    'application/json',
    'application/json; charset=utf-8',
    'application/json;charset=UTF-8',
    'Application/JSON',
    'application/json ; charset="utf-8"',
  ])('%s is JSON', (type) => expect(isJsonType(type)).toBe(true));

  it.each([
    undefined,
    '',
    'text/plain',
    'application/jsonp',
    'application/connect+json',
    'application/json; charset=latin1',
    'application/proto',
    'text/json',
  ])('%s is not', (type) => expect(isJsonType(type)).toBe(false));
});

describe('path', () => {
  it('is /{package.Service}/{Method}', () => {
    expect(pathOf('demo.v1.Greeter', 'greet')).toBe('/demo.v1.Greeter/greet');
  });

  it.each(['Greeter', 'demo.Greeter', 'a.b1.c_d'])('%s names a service', (name) =>
    expect(isServiceName(name)).toBe(true),
  );
  it.each(['', '.', 'a.', '.a', 'a..b', '1a', 'a/b', 'a b', '_a', 'ä', '__proto__'])('%j names none', (name) =>
    expect(isServiceName(name)).toBe(false),
  );
  it.each(['greet', 'Greet', 'greet_2'])('%s names a method', (name) => expect(isMethodName(name)).toBe(true));
  it.each(['', 'a.b', '1a', 'a/b', '__proto__', 'a\n'])('%j names none', (name) =>
    expect(isMethodName(name)).toBe(false),
  );
});

describe('metadata', () => {
  it.each(['authorization', 'x-request-id', 'trace.id', 'blob-bin', 'a_b'])('%s is free to use', (name) =>
    expect(isMetadataName(name)).toBe(true),
  );
  it.each([
    'connect-timeout-ms',
    'connect-anything',
    'content-type',
    'content-length',
    'te',
    'host',
    ':path',
    'X-Upper',
    'a b',
    '',
    'ä',
  ])('%j is not', (name) => expect(isMetadataName(name)).toBe(false));
  it('a value is printable ASCII', () => {
    expect(['', 'a b~', 'tab\t', 'line\n', 'é', '\0'].map(isMetadataValue)).toEqual([
      true,
      true,
      false,
      false,
      false,
      false,
    ]);
  });
});
