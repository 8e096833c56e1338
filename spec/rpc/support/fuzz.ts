import { gzipSync } from 'node:zlib';
import fc, { type Arbitrary } from 'fast-check';
import { codes, seal } from '../../../lib/wire/index.ts';

const utf8 = new TextEncoder();

/** What is right, what is nearly right, and what has nothing to do with it. */
const texts: Arbitrary<string> = fc.oneof(
  { weight: 6, arbitrary: fc.integer().map((n) => `{"n":${n}}`) },
  { weight: 2, arbitrary: fc.json() },
  fc.constantFrom(
    '',
    '{',
    '{"n":',
    'null',
    '[]',
    '{"n":1}{"n":2}',
    '{"n":1,"__proto__":{"x":1}}',
    '{"n":"1"}',
    '{"n":1e999}',
  ),
  fc.constantFrom('[', '{"n":', '"\\u').map((text) => text.repeat(5_000)),
  fc.string({ unit: 'binary' }),
);

const endings: Arbitrary<string> = fc.oneof(
  { weight: 3, arbitrary: fc.constant('{}') },
  fc.constantFrom(
    '{"error":null}',
    '{"error":{}}',
    '{"error":{"code":"x"}}',
    '{"metadata":{"a":"b"}}',
    '{"metadata":[]}',
    '7',
    '',
  ),
  fc
    .constantFrom(...codes)
    .map((code) => JSON.stringify({ error: { code, message: 'm' }, metadata: { a: ['b', 'c'] } })),
  fc.json(),
);

/** Bytes of a message, or of the last one; now and then compressed, or cut where it is. */
const packed = (text: Arbitrary<string>): Arbitrary<Uint8Array> =>
  fc.oneof(
    { weight: 4, arbitrary: text.map((text) => utf8.encode(text)) },
    { weight: 1, arbitrary: text.map((text) => new Uint8Array(gzipSync(text))) },
    { weight: 1, arbitrary: text.map((text) => new Uint8Array(gzipSync(text)).subarray(0, 12)) },
    fc.uint8Array({ maxLength: 40 }),
  );

export const bodies: Arbitrary<Uint8Array> = packed(texts);

/** One message of a stream, with flags that may not be, and a length that may lie. */
const envelope: Arbitrary<Uint8Array> = fc
  .record({
    flags: fc.oneof({ weight: 6, arbitrary: fc.constantFrom(0, 0, 0, 2) }, fc.constantFrom(1, 3), fc.nat(255)),
    lie: fc.oneof({ weight: 12, arbitrary: fc.constant(0) }, fc.constantFrom(-1, 1, 5, 1 << 20, 0x7fffffff)),
    message: packed(texts),
    ending: packed(endings),
  })
  .map(({ flags, lie, message, ending }) => {
    const sealed = seal(flags, (flags & 2) === 0 ? message : ending);
    const view = new DataView(sealed.buffer);
    view.setUint32(1, Math.max(0, view.getUint32(1) + lie));
    return sealed;
  });

/** Some messages, as bytes in pieces of any size. */
export const streams: Arbitrary<Uint8Array[]> = fc
  .tuple(
    fc.array(fc.oneof({ weight: 9, arbitrary: envelope }, fc.uint8Array({ maxLength: 9 })), { maxLength: 5 }),
    fc.nat(60),
  )
  .map(([envelopes, size]) => {
    const bytes = Buffer.concat(envelopes);
    const step = size === 0 ? bytes.length + 1 : size;
    return Array.from({ length: Math.ceil(bytes.length / step) }, (_, i) => bytes.subarray(i * step, (i + 1) * step));
  });

const encodings = fc.constantFrom('gzip', 'identity', 'br', '', 'gzip, gzip', 'x');

/** Headers that mean something to the protocol, or have its look. Names are lower case, as every server hands them over. */
export const headers: Arbitrary<Record<string, string>> = fc.record(
  {
    'content-type': fc.oneof(
      { weight: 5, arbitrary: fc.constantFrom('application/json', 'application/connect+json') },
      fc.constantFrom(
        'application/json; charset=utf-8',
        'application/JSON',
        'application/proto',
        'text/html',
        '',
        'a'.repeat(999),
      ),
      fc.string(),
    ),
    'content-encoding': encodings,
    'connect-content-encoding': encodings,
    'accept-encoding': encodings,
    'connect-accept-encoding': encodings,
    'connect-protocol-version': fc.constantFrom('1', '1', '1', '2', ''),
    'connect-timeout-ms': fc.oneof(
      fc.constantFrom('60000', '9999999999', '0', '-1', '1e9'),
      fc.string({ maxLength: 12 }),
    ),
    'content-length': fc.constantFrom('0', '7', '-1', '99999999999999999999', 'x'),
    'x-any': fc.string(),
    'x-any-bin': fc.string(),
  },
  { requiredKeys: [] },
);

/** Paths with their queries. */
export const targets: Arbitrary<string> = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('double', 'upTo', 'sum', 'chat').map((name) => `/demo.v1.Counter/${name}`) },
  fc.constantFrom('/', '', '*', '//', '/demo.v1.Counter/', '/demo.v1.Counter/__proto__', '/demo.v1.counter/double'),
  fc
    .record(
      {
        connect: fc.constantFrom('v1', 'v2', ''),
        encoding: fc.constantFrom('json', 'proto', ''),
        message: fc.oneof(texts, fc.base64String()),
        base64: fc.constantFrom('1', '0', 'x'),
        compression: fc.constantFrom('gzip', 'identity'),
      },
      { requiredKeys: [] },
    )
    .map((query) => `/demo.v1.Counter/double?${new URLSearchParams(query as Record<string, string>)}`),
  fc.string().map((text) => `/demo.v1.Counter/double?${text}`),
);
