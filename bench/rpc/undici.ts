// undici over HTTP/2 with prior knowledge, to node:http2: `request`, and `fetch`.
import { fetch, H2CClient, request } from 'undici';
import { JSON_TYPE, listen, onMessage, respond } from './http2.ts';
import { greeting, type Peer, quiet } from './peer.ts';

const STREAMS = 1_000;

type Ask = (path: string, message: object, signal?: AbortSignal) => Promise<{ message: string }>;

export function over(askAt: (port: number) => { ask: Ask; close(): unknown }): Peer {
  return {
    serve(told, next) {
      const behind = next === undefined ? undefined : askAt(next).ask;
      return listen({
        '/greet': (stream) =>
          onMessage(stream, ({ name }) => {
            if (behind === undefined) respond(stream, greeting(name));
            else void behind('/greet', { name }).then(({ message }) => respond(stream, message));
          }),
        '/wait': (stream) =>
          onMessage(stream, ({ id }) => {
            const controller = new AbortController();
            stream.on('aborted', () => controller.abort());
            if (behind !== undefined) return void quiet(behind('/wait', { id }, controller.signal));
            controller.signal.addEventListener('abort', () => told.stopped(id));
            told.entered(id);
          }),
      });
    },
    connect(port) {
      const { ask, close } = askAt(port);
      return {
        greet: async (name) => (await ask('/greet', { name })).message,
        wait(id) {
          const controller = new AbortController();
          return { cancel: () => controller.abort(), over: quiet(ask('/wait', { id }, controller.signal)) };
        },
        close,
      };
    },
  };
}

const init = (message: object) => ({
  method: 'POST' as const,
  headers: { 'content-type': JSON_TYPE },
  body: JSON.stringify(message),
});

function clientOf(port: number): { url: string; dispatcher: H2CClient } {
  const url = `http://127.0.0.1:${port}`;
  return { url, dispatcher: new H2CClient(url, { pipelining: STREAMS, maxConcurrentStreams: STREAMS }) };
}

export const peer: Peer = over((port) => {
  const { url, dispatcher } = clientOf(port);
  return {
    async ask(path, message, signal) {
      // A POST by itself waits until the one before it was answered.
      const { body } = await request(url + path, { ...init(message), idempotent: true, dispatcher, signal });
      return (await body.json()) as { message: string };
    },
    close: () => dispatcher.destroy(),
  };
});

export const withFetch: Peer = over((port) => {
  const { url, dispatcher } = clientOf(port);
  return {
    async ask(path, message, signal) {
      const response = await fetch(url + path, {
        ...init(message),
        dispatcher,
        ...(signal !== undefined && { signal }),
      });
      return (await response.json()) as { message: string };
    },
    close: () => dispatcher.destroy(),
  };
});
