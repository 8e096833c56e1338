import {
  credentials,
  type Client as GrpcClient,
  type handleServerStreamingCall,
  type handleUnaryCall,
  Metadata,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  type ServiceError,
} from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { grpcStatusOf, reasonOfGrpc, tokenOfCall, withToken } from '../../lib/adapters/grpc-js.ts';
import { CancellationSource, CancellationToken } from '../../lib/core/index.ts';
import { type Gate, gate } from '../rpc/support/gate.ts';
import { settled } from '../rpc/support/greeter.ts';

interface Number {
  n: number;
}

const json = {
  serialize: (value: Number) => Buffer.from(JSON.stringify(value)),
  deserialize: (bytes: Buffer): Number => JSON.parse(bytes.toString()),
};
const method = (path: string, responseStream: boolean) => ({
  path,
  requestStream: false,
  responseStream,
  requestSerialize: json.serialize,
  requestDeserialize: json.deserialize,
  responseSerialize: json.serialize,
  responseDeserialize: json.deserialize,
});
const definition = { double: method('/C/double', false), upTo: method('/C/upTo', true) } satisfies ServiceDefinition;

let entered: Gate<CancellationToken>;
let started = 0;

const double: handleUnaryCall<Number, Number> = (call, done) => {
  started++;
  const token = tokenOfCall(call);
  entered.open(token);
  if (call.request.n > 0) done(null, { n: 2 * call.request.n });
  else token.onCancel(({ reason }) => done({ code: grpcStatusOf(reason), details: '' }));
};
const upTo: handleServerStreamingCall<Number, Number> = (call) => {
  entered.open(tokenOfCall(call));
  for (let n = 1; n <= call.request.n; n++) call.write({ n });
  if (call.request.n > 0) call.end();
};

const Counter = makeGenericClientConstructor(definition, 'C');
interface Calls {
  double(request: Number, options: object, done: (error: ServiceError | null, value?: Number) => void): void;
}

const server = new Server();
let client: GrpcClient & Calls;
beforeAll(async () => {
  server.addService(definition, { double, upTo });
  const port = await new Promise<number>((resolve, reject) =>
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    ),
  );
  client = new Counter(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as GrpcClient & Calls;
});
afterAll(() => {
  client.close();
  server.forceShutdown();
});

function call(n: number, token?: CancellationToken, options: object = {}): Promise<Number> {
  entered = gate();
  const interceptors = token === undefined ? [] : [withToken(token)];
  return new Promise((resolve, reject) =>
    client.double({ n }, { interceptors, ...options }, (error, value) =>
      error === null ? resolve(value!) : reject(error),
    ),
  );
}

const failure = (promise: Promise<unknown>): Promise<ServiceError> =>
  promise.then(
    () => expect.fail('resolved'),
    (error: ServiceError) => error,
  );

describe('the token of a grpc-js server call', () => {
  it('is not cancelled by success, though grpc-js says so', async () => {
    expect(await call(2)).toEqual({ n: 4 });
    const token = await entered.opened;
    await settled();
    expect([token.cancelled, token.canBeCancelled]).toEqual([false, false]);
  });

  it('S1-04, S1-09: is cancelled by the caller, and is one for the call', async () => {
    const source = new CancellationSource();
    const outcome = failure(call(0, source.token));
    const token = await entered.opened;
    const heard = new Promise((resolve) => token.onCancel(({ reason }) => resolve(reason)));
    source.cancel('CANCELLED', { description: 'never mind' });
    const error = await outcome;
    expect([error.code, reasonOfGrpc(error)]).toEqual([1, 'CANCELLED']);
    expect(error.details).not.toContain('never mind');
    expect(await heard).toBe('CANCELLED');
  });

  it('S0-23, S1-19: has what was left of the caller’s time, and ends with it', async () => {
    const source = new CancellationSource({ timeout: 200 });
    const outcome = failure(call(0, source.token));
    const token = await entered.opened;
    expect(token.remaining()).toBeLessThanOrEqual(200);
    const heard = new Promise((resolve) => token.onCancel(({ reason }) => resolve(reason)));
    expect(reasonOfGrpc(await outcome)).toBe('TIMEOUT');
    // grpc-js resets the stream at the caller's deadline, which may come a moment before the server's.
    expect(['TIMEOUT', 'CANCELLED']).toContain(await heard);
  });

  it('refuses what is no call', () => {
    expect(() => tokenOfCall({} as never)).toThrow(/^Expected `call`/);
  });
});

describe('withToken', () => {
  it('S0-15: sends nothing under a token that is cancelled', async () => {
    const source = new CancellationSource();
    source.cancel();
    const before = started;
    expect((await failure(call(2, source.token))).code).toBe(1);
    expect(started).toBe(before);
  });

  it('keeps what a call that was not sent would have sent out of its error', async () => {
    const metadata = new Metadata();
    metadata.set('authorization', 'Bearer SECRET');
    const options = { interceptors: [withToken(CancellationToken.cancelled())] };
    const error = await new Promise<ServiceError | null>((resolve) =>
      client.makeUnaryRequest('/C/double', json.serialize, json.deserialize, { n: 1 }, metadata, options, resolve),
    );
    expect([error?.code, error?.metadata.getMap()]).toEqual([1, {}]);
    expect(metadata.get('authorization')).toEqual(['Bearer SECRET']);
  });

  it('leaves nothing on the token of a call that is over', async () => {
    const source = new CancellationSource();
    for (let i = 0; i < 20; i++) await call(1, source.token);
    const { snapshot } = await import('../../lib/core/index.ts');
    expect(snapshot(source.token)).toMatchObject({ callbacks: 0 });
  });

  it('gives no deadline that lies further away than a timer reaches: the server would take it for over', async () => {
    const source = new CancellationSource({ timeout: 30 * 86_400_000 });
    const outcome = failure(call(0, source.token));
    const token = await entered.opened;
    await settled();
    expect([token.reason, token.deadline]).toEqual([undefined, Infinity]);
    source.cancel();
    expect((await outcome).code).toBe(1);
  });

  it('never lengthens a deadline of the call’s own', async () => {
    const source = new CancellationSource({ timeout: 60_000 });
    const outcome = failure(call(0, source.token, { deadline: Date.now() + 150 }));
    expect((await entered.opened).remaining()).toBeLessThanOrEqual(150);
    expect((await outcome).code).toBe(4);
  });
});
