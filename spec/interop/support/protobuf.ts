import { create, createFileRegistry, type DescService } from '@bufbuild/protobuf';
import { FileDescriptorProtoSchema } from '@bufbuild/protobuf/wkt';

/** The counter as people with Protobuf have it, made without generated code: every message has one int32 `n`. */
export function counterDescriptor(): DescService {
  const method = (name: string, clientStreaming: boolean, serverStreaming: boolean) => ({
    name,
    inputType: '.demo.v1.Number',
    outputType: '.demo.v1.Number',
    clientStreaming,
    serverStreaming,
  });
  const file = create(FileDescriptorProtoSchema, {
    name: 'demo/v1/counter.proto',
    package: 'demo.v1',
    syntax: 'proto3',
    messageType: [{ name: 'Number', field: [{ name: 'n', number: 1, type: 5, label: 1, jsonName: 'n' }] }],
    service: [
      {
        name: 'Counter',
        method: [
          method('double', false, false),
          method('upTo', false, true),
          method('sum', true, false),
          method('chat', true, true),
        ],
      },
    ],
  });
  return createFileRegistry(file, () => undefined).getService('demo.v1.Counter')!;
}
