// What an abort over HTTP/2 does to the process that aborts, with undici 8 and with the fetch of Node 26, which it is.
import { spawn } from 'node:child_process';
import http2, { type Http2SecureServer, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it } from 'vitest';
import { certificate } from '../server/support/certificate.ts';
import { Inbox } from '../server/support/gate.ts';
import { otherNode } from '../support/other-node.ts';

const PROGRAM = fileURLToPath(new URL('support/aborts.mjs', import.meta.url));
/** The limits of a child: 1 GB and ten seconds of work. One that lives needs a tenth of both. */
const LIMITED = 'ulimit -d 1000000; ulimit -t 10; exec "$0" "$@"';

type Scene = 'unflushed' | 'held-back' | 'storm';
type Guard = 'bare' | 'createFetch' | 'interceptor';
type Copy = 'own' | 'undici8';

interface Peer {
  readonly server: Http2SecureServer;
  readonly url: string;
  readonly posts: Inbox<ServerHttp2Stream>;
  /** The codes that streams were reset with. */
  readonly codes: number[];
}

let peer: Peer;
afterEach(() => void peer.server.close());

/** @param window how much of a body a client may send unasked, in bytes */
async function listen(window: number): Promise<Peer> {
  const server = http2.createSecureServer({ ...certificate(), settings: { initialWindowSize: window } });
  const posts = new Inbox<ServerHttp2Stream>();
  const codes: number[] = [];
  server.on('sessionError', () => {});
  server.on('stream', (stream, headers) => {
    stream.on('error', () => {});
    stream.on('aborted', () => codes.push(stream.rstCode));
    stream.resume();
    if (headers[':path'] !== '/ok') return posts.put(stream);
    stream.respond({ ':status': 200 });
    stream.end('alive');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, posts, codes, url: `https://127.0.0.1:${(server.address() as AddressInfo).port}` };
}

interface End {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
  readonly said: readonly string[];
  /** What the runtime said of it. */
  readonly errors: string;
}

/** Runs the program. Held back, a body may be sent as soon as its request was aborted. */
async function run(version: string, args: readonly [Scene, Guard, Copy], skip: (note: string) => never): Promise<End> {
  const node = await otherNode(version).catch((error: Error) => skip(error.message));
  const heldBack = args[0] === 'held-back';
  peer = await listen(heldBack ? 0 : 65_535);
  const child = spawn('sh', ['-c', LIMITED, node, '--no-warnings', PROGRAM, ...args, peer.url], {
    env: { ...process.env, NODE_TLS_REJECT_UNAUTHORIZED: '0' },
    stdio: 'pipe',
  });
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout });
  const said: string[] = [];
  lines.on('line', (line) => said.push(line));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text) => {
    errors += text;
  });
  if (heldBack) {
    void peer.posts.take().then(({ session }) => {
      child.stdin.write('abort\n');
      lines.once('line', () => {
        session?.settings({ initialWindowSize: 65_535 });
        child.stdin.write('go on\n');
      });
    });
  }
  return new Promise((resolve) => child.once('close', (code, signal) => resolve({ code, signal, said, errors })));
}

const runtimes: readonly [name: string, version: string, copy: Copy][] = [
  ["Node 26's own fetch", '26.10.0', 'own'],
  ['undici 8 on Node 24', '24.21.0', 'undici8'],
  ['undici 8 on Node 22', '22.23.3', 'undici8'],
];

describe.each(runtimes)('%s', { timeout: 120_000 }, (_, version, copy) => {
  it.for<Scene>(['unflushed', 'held-back'])(
    'left alone, an abort is the end of the process: %s',
    async (scene, context) => {
      const { code, signal, said } = await run(version, [scene, 'bare', copy], context.skip);
      expect(code).toBeNull();
      expect(['SIGABRT', 'SIGKILL', 'SIGXCPU']).toContain(signal);
      expect(said).not.toContain('alive');
    },
  );

  it.for<[Guard, Scene]>([
    ['createFetch', 'unflushed'],
    ['createFetch', 'held-back'],
    ['createFetch', 'storm'],
    ['interceptor', 'unflushed'],
    ['interceptor', 'held-back'],
    ['interceptor', 'storm'],
  ])('S0-17: guarded by %s, it lives and its peer is told CANCEL: %s', async ([guard, scene], context) => {
    const { code, said, errors } = await run(version, [scene, guard, copy], context.skip);
    expect([code, said.at(-1)], errors).toEqual([0, 'alive']);
    expect(peer.codes.length).toBeGreaterThan(0);
    // A body that was cut within its announced length the server finds wrong before it reads the reset.
    const { NGHTTP2_CANCEL, NGHTTP2_PROTOCOL_ERROR } = http2.constants;
    const cut = scene === 'storm' ? [NGHTTP2_PROTOCOL_ERROR] : [];
    expect([NGHTTP2_CANCEL, ...cut]).toEqual(expect.arrayContaining(peer.codes));
  });
});
