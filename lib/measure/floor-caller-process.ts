// The entry of the client of the floor.
import { Desk, type Made } from './desk.ts';
import { FloorClient, reset } from './floor.ts';
import type { CallOrder, FromCaller, ToCaller } from './messages.ts';
import { followParent } from './parent.ts';

let client: FloorClient | undefined;

const tell = followParent<ToCaller, FromCaller>(async (message) => {
  if ('url' in message) {
    client = new FloorClient(message.url);
    tell({ ready: true });
  } else await desk.hear(message);
});

const desk = new Desk(make, tell);

function make({ call, steps, streamed = false }: CallOrder, streaming: () => void): Made {
  if (client === undefined) throw new Error('nobody to call yet');
  const stream = client.ask(call, streamed, JSON.stringify({ steps }));
  let cancelled = false;
  stream.once('data', streaming);
  const done = new Promise<Awaited<Made['done']>>((resolve) => {
    stream.once('close', () => {
      const code = cancelled ? 'canceled' : stream.rstCode === 0 ? 'ok' : 'unknown';
      resolve(code === 'unknown' ? { code, message: `reset with ${stream.rstCode}` } : { code });
    });
  });
  return {
    cancel() {
      if (stream.closed) return false;
      cancelled = true;
      reset(stream);
      return true;
    },
    done,
  };
}
