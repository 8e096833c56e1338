import type { ClientHttp2Stream } from 'node:http2';
import { expect, it } from 'vitest';
import { failureOf } from '../../lib/rpc-node/failure.ts';
import type { Session } from '../../lib/rpc-node/session.ts';

const alive = { dead: false } as Session;
const stream = { rstCode: 2 } as ClientHttp2Stream;

it.each(['ERR_HTTP2_GOAWAY_SESSION', 'ERR_HTTP2_INVALID_SESSION', 'ERR_HTTP2_OUT_OF_STREAMS'])(
  'a stream that Node ends with %s has never left: Node 24 and later say so by an event',
  (code) => {
    const error = Object.assign(new Error(), { code });
    const failure = failureOf('/x', stream, alive, error);
    expect(failure).toMatchObject({ code: 'unavailable', neverProcessed: true, remote: false, cause: error });
    expect(failure.message).toBe(`Call to /x could not be sent: ${code}.`);
  },
);

it('a stream that the peer resets with the code that Node implies is one that the peer reset', () => {
  const error = Object.assign(new Error(), { code: 'ERR_HTTP2_STREAM_ERROR' });
  expect(failureOf('/x', stream, alive, error)).toMatchObject({
    code: 'internal',
    neverProcessed: false,
    remote: true,
  });
});
