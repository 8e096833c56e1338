import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import { connectNodeAdapter, createConnectTransport } from '@connectrpc/connect-node';
import { type Calls, clientOf, handlers } from './by-signal.ts';
import type { Peer } from './peer.ts';

/** The service, without generated code. */
function descriptor(): DescService {
  const field = (name: string, type: number) => ({ name, number: 1, type, label: 1, jsonName: name });
  const [INT32, STRING] = [5, 9];
  const file = create(FileDescriptorProtoSchema, {
    name: 'bench/v1/greeter.proto',
    package: 'bench.v1',
    syntax: 'proto3',
    messageType: [
      { name: 'Name', field: [field('name', STRING)] },
      { name: 'Message', field: [field('message', STRING)] },
      { name: 'Id', field: [field('id', INT32)] },
      { name: 'Nothing' },
    ],
    service: [
      {
        name: 'Greeter',
        method: [
          { name: 'Greet', inputType: '.bench.v1.Name', outputType: '.bench.v1.Message' },
          { name: 'Wait', inputType: '.bench.v1.Id', outputType: '.bench.v1.Nothing' },
        ],
      },
    ],
  });
  return createFileRegistry(file, () => undefined).getService('bench.v1.Greeter') as DescService;
}

const connected = (port: number): Calls =>
  createClient(
    descriptor(),
    createConnectTransport({ httpVersion: '2', baseUrl: `http://127.0.0.1:${port}` }),
  ) as unknown as Calls;

export const peer: Peer = {
  async serve(told, next) {
    const methods = handlers(told, next === undefined ? undefined : connected(next));
    const server = http2.createServer(
      connectNodeAdapter({ routes: ({ service }) => void service(descriptor(), methods) }),
    );
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return (server.address() as AddressInfo).port;
  },
  connect: (port) => clientOf(connected(port), () => {}),
};
