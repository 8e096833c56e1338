import {
  credentials,
  type Client as GrpcClient,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServerUnaryCall,
  type ServiceError,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { definition } from './grpc-definition.ts';
import { DEADLINE_MS, greeting, type Peer } from './peer.ts';

type Done<T> = (error: ServiceError | null, value?: T) => void;
type Message = { message: string };
interface Calls extends GrpcClient {
  greet(request: { name: string }, options: object, done: Done<Message>): { cancel(): void };
  wait(request: { id: number }, options: object, done: Done<object>): { cancel(): void };
}

const Greeter = makeGenericClientConstructor(definition, 'Greeter');
const clientOf = (port: number): Calls =>
  new Greeter(`127.0.0.1:${port}`, credentials.createInsecure()) as unknown as Calls;

export const peer: Peer = {
  serve(told, next) {
    const behind = next === undefined ? undefined : clientOf(next);
    const server = new Server();
    server.addService(definition, {
      greet(call: ServerUnaryCall<{ name: string }, Message>, done: sendUnaryData<Message>) {
        const { name } = call.request;
        if (behind === undefined) done(null, { message: greeting(name) });
        else behind.greet({ name }, { parent: call }, (error, value) => done(error, value));
      },
      wait(call: ServerUnaryCall<{ id: number }, object>, done: sendUnaryData<object>) {
        const { id } = call.request;
        // `parent` carries the deadline and the cancel on.
        if (behind !== undefined)
          return void behind.wait({ id }, { parent: call }, (error, value) => done(error, value));
        call.on('cancelled', () => told.stopped(id));
        told.entered(id);
      },
    });
    return new Promise((resolve, reject) =>
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      ),
    );
  },
  connect(port, { deadline }) {
    const client = clientOf(port);
    return {
      greet: (name) =>
        new Promise((resolve, reject) =>
          client.greet({ name }, {}, (error, value) =>
            error === null ? resolve((value as Message).message) : reject(error),
          ),
        ),
      wait(id) {
        let over: () => void = () => {};
        const promise = new Promise<void>((resolve) => {
          over = resolve;
        });
        const call = client.wait({ id }, deadline ? { deadline: Date.now() + DEADLINE_MS } : {}, () => over());
        return { cancel: () => call.cancel(), over: promise };
      },
      close: () => client.close(),
    };
  },
};
