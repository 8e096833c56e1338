// What grpc-js and nice-grpc have of the service. JSON, as all the others have.
const json = {
  serialize: (value: object) => Buffer.from(JSON.stringify(value)),
  deserialize: (bytes: Buffer) => JSON.parse(String(bytes)),
};

const method = (name: string) => ({
  path: `/bench.v1.Greeter/${name}`,
  requestStream: false as const,
  responseStream: false as const,
  requestSerialize: json.serialize,
  requestDeserialize: json.deserialize,
  responseSerialize: json.serialize,
  responseDeserialize: json.deserialize,
});

export const definition = { greet: method('greet'), wait: method('wait') };
