// Frames of HTTP/2 as no honest peer would send them, between some that one would.
import fc, { type Arbitrary } from 'fast-check';
import { bodies, streams } from '../../rpc/support/fuzz.ts';
import { END_HEADERS, END_STREAM, frame, TYPE, uint32 } from '../../server/support/frames.ts';

const DATA = 0;
const PADDED = 8;

/** A field as HPACK has it without its tables and without Huffman's code. */
function field(name: string | number, value: string): Buffer {
  const text = Buffer.from(value.slice(0, 126));
  const head = typeof name === 'number' ? [name] : [0, name.length, ...Buffer.from(name)];
  return Buffer.concat([Buffer.from([...head, text.length]), text]);
}

const TYPES = ['application/json', 'application/connect+json'];
const type = fc.constantFrom(...TYPES, ...TYPES, 'application/json; charset=utf-8', 'text/html', '');

/** The head of a call. By the static table: POST, http. */
const request = fc
  .tuple(fc.constantFrom('double', 'upTo', 'sum', 'chat', 'none', ''), type, fc.constantFrom('60000', '0', 'x'))
  .map(([method, type, timeout]) =>
    Buffer.concat([
      Buffer.from([0x83, 0x86]),
      field(4, `/demo.v1.Counter/${method}`),
      field(1, 'localhost'),
      field('content-type', type),
      field('connect-timeout-ms', timeout),
    ]),
  );

/** The head of an answer. By the static table: 200, 204, 400, 404, 500. */
const response = fc
  .tuple(fc.constantFrom(0x88, 0x88, 0x88, 0x89, 0x8c, 0x8d, 0x8e), type, fc.constantFrom('gzip', 'identity', 'br'))
  .map(([status, type, encoding]) =>
    Buffer.concat([Buffer.from([status]), field('content-type', type), field('connect-content-encoding', encoding)]),
  );

/** Which stream a frame is for, of those there are; `new`: the next one, as a client opens it. */
type Which = number | 'new';
type Make = (streamOf: (which: Which) => number) => Buffer;

const payload = fc.oneof(
  bodies,
  streams.map((chunks) => Buffer.concat(chunks)),
);
const fourBytes = fc.oneof(fc.constantFrom(0, 1, 8, 0x7fffffff), fc.nat()).map(uint32);
const bytes = (maxLength: number) => fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes));
const any = fc.nat(99);

/** What a connection lives with, as a rule. */
function likely(side: Side): Arbitrary<Make> {
  const flags = fc.constantFrom(END_HEADERS, END_HEADERS, END_HEADERS | END_STREAM);
  const head: Arbitrary<Make> = fc.tuple(any, flags, side === 'request' ? request : response).map(
    ([which, flags, block]) =>
      (streamOf) =>
        frame(TYPE.HEADERS, flags, streamOf(side === 'request' ? 'new' : which), block),
  );
  const data: Arbitrary<Make> = fc.tuple(any, fc.constantFrom(0, 0, END_STREAM), payload).map(
    ([which, flags, data]) =>
      (streamOf) =>
        frame(DATA, flags, streamOf(which), Buffer.from(data)),
  );
  const small: Arbitrary<Make> = fc.tuple(fc.constantFrom(TYPE.RST_STREAM, TYPE.WINDOW_UPDATE), any, fourBytes).map(
    ([type, which, payload]) =>
      (streamOf) =>
        frame(type, 0, streamOf(which), payload),
  );
  // A second head of an answer is none.
  const heads = side === 'request' ? 8 : 1;
  return fc.oneof({ weight: heads, arbitrary: head }, { weight: 8, arbitrary: data }, { weight: 1, arbitrary: small });
}

/** What ends it, as a rule. */
const deadly: Arbitrary<Make> = fc.oneof<Arbitrary<Make>[]>(
  fc.tuple(fc.oneof(fc.nat(9), fc.nat(255)), fc.nat(255), fc.oneof(fc.nat(12), fc.constant(0x7fffffff)), bytes(40)).map(
    ([type, flags, stream, payload]) =>
      () =>
        frame(type, flags, stream, payload),
  ),
  fc.tuple(any, payload).map(
    ([which, data]): Make =>
      (streamOf) =>
        frame(DATA, PADDED, streamOf(which), Buffer.from(data)),
  ),
  bytes(30).map((bytes) => () => bytes),
);

type Side = 'request' | 'response';

/** In one batch. */
export const FRAMES = 25;

/** Some frames, one after the other, on the streams that a client opens or, of a server, on the five that it has, whose heads come first. */
export function frames(side: Side): Arbitrary<Buffer[]> {
  const one = fc.oneof({ weight: 40, arbitrary: likely(side) }, { weight: 1, arbitrary: deadly });
  const opened = side === 'request' ? 0 : 5;
  const begun = fc.tuple(...Array.from({ length: opened }, (_, i) => response.map((block) => () => head(i, block))));
  const rest = fc.array(one, { minLength: FRAMES - opened, maxLength: FRAMES - opened });
  return fc.noShrink(fc.tuple(begun, rest).map(([begun, rest]) => numbered(opened)([...begun, ...rest])));
}

function head(index: number, block: Buffer): Buffer {
  return frame(TYPE.HEADERS, END_HEADERS, 2 * index + 1, block);
}

/** @param opened streams that are there from the start */
function numbered(opened: number): (makes: Make[]) => Buffer[] {
  return (makes) => {
    let count = opened;
    const streamOf = (which: Which) => 2 * (which === 'new' ? count++ : which % Math.max(count, 1)) + 1;
    return makes.map((make) => make(streamOf));
  };
}
