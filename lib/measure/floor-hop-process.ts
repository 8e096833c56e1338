// The entry of a hop of the floor.
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { FloorClient, floorHandler } from './floor.ts';
import type { FromHop, ToHop } from './messages.ts';
import { followParent } from './parent.ts';

let next: FloorClient | undefined;

const tell = followParent<ToHop, FromHop>((message) => {
  if ('settings' in message) {
    const { name, stepMs } = message.settings;
    const server = http2.createServer();
    server.on('stream', floorHandler({ name, stepMs, next: () => next, tell: (visit) => tell({ visit }) }));
    server.listen(0, '127.0.0.1', () => {
      tell({ url: `http://127.0.0.1:${(server.address() as AddressInfo).port}` });
    });
  } else {
    if (message.next !== null) next = new FloorClient(message.next);
    tell({ ready: true });
  }
});
