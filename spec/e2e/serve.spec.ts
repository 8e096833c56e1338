import { execFile } from 'node:child_process';
import http2 from 'node:http2';
import net from 'node:net';
import { promisify } from 'node:util';
import { afterEach, describe, expect, it } from 'vitest';
import { cli, endAll, hasSurvivors, type Served, served } from './support/cli.ts';

afterEach(endAll);

const PATH = '/demo.v1.Greeter/greet';
const BODY = '{"name":"Ada"}';

/** A client that has sent its request, and can now misbehave. */
interface Rude {
  /** Says never mind as HTTP/2 has it, on a connection that stays. */
  reset(): void;
  /** Lets the socket go without a word. */
  drop(): void;
}

function overHttp2(url: string): Rude {
  const session = http2.connect(url).on('error', () => {});
  const stream = session.request({ ':method': 'POST', ':path': PATH, 'content-type': 'application/json' });
  stream.on('error', () => {}).end(BODY);
  return { reset: () => stream.close(http2.constants.NGHTTP2_CANCEL), drop: () => session.destroy() };
}

function overHttp1(url: string): Rude {
  const { hostname, port } = new URL(url);
  const socket = net.connect(Number(port), hostname).on('error', () => {});
  const head = [`POST ${PATH} HTTP/1.1`, `host: ${hostname}`, 'content-type: application/json'];
  socket.write([...head, `content-length: ${BODY.length}`, '', BODY].join('\r\n'));
  return { reset: () => socket.resetAndDestroy(), drop: () => socket.destroy() };
}

const working = (chain: Served) => chain.until(({ C }) => (C?.doneAt.length ?? 0) > 0);
const over = async (chain: Served) => {
  const visits = await chain.until(({ A, B, C }) => [A, B, C].every((visit) => visit?.stoppedAt != null));
  return Object.values(visits).map(({ hop, reason }) => `${hop} ${reason}`);
};

describe('nevermind demo --serve', () => {
  it('prints a curl line that works, until Ctrl-C', async () => {
    const chain = await served();
    const { stdout } = await promisify(execFile)('sh', ['-c', `${chain.curl} --silent --show-error`]);
    expect(JSON.parse(stdout)).toEqual({ message: 'Hello, Ada!' });
    expect(await over(chain)).toEqual(['A null', 'B null', 'C null']);
    chain.cli.kill('SIGINT');
    expect(await chain.cli.ended).toMatchObject({ code: 0, stderr: '' });
    expect(hasSurvivors(chain.cli.pid)).toBe(false);
  });

  it('invites people too, and shows them each call', async () => {
    const chain = cli(['demo', '--serve']);
    let curl: string | undefined;
    for await (const line of chain.lines()) {
      curl ??= /^ +(curl .*)$/.exec(line)?.[1];
      if (curl !== undefined && line.trim() === '') break;
    }
    await promisify(execFile)('sh', ['-c', `${curl} --silent -H 'connect-timeout-ms: 200'`]);
    const shown: string[] = [];
    for await (const line of chain.lines()) {
      if (/^ +(└ )?[ABC] /.test(line)) shown.push(line.replace(/^ +(└ )?([ABC]) .*(TIMEOUT).*$/, '$2 $3'));
      if (shown.length === 3) break;
    }
    expect(shown).toEqual(['A TIMEOUT', 'B TIMEOUT', 'C TIMEOUT']);
  });

  it.each([
    ['an HTTP/2 session that is destroyed', overHttp2, 'drop', 'PEER_CLOSED'],
    ['an HTTP/1.1 socket that is let go', overHttp1, 'drop', 'PEER_CLOSED'],
    ['an HTTP/1.1 socket that is broken (TCP RST)', overHttp1, 'reset', 'PEER_CLOSED'],
    ['an HTTP/2 stream that is reset', overHttp2, 'reset', 'CANCELLED'],
  ] as const)('S1-04: A sees of %s what it is, and the hops below are CANCELLED', async (_, connect, deed, reason) => {
    const chain = await served();
    const client = connect(chain.hops[0]!.url);
    await working(chain);
    client[deed]();
    expect(await over(chain)).toEqual([`A ${reason}`, 'B CANCELLED', 'C CANCELLED']);
    client.drop();
  });

  it('says in a line which process is lost, ends the others, and exits with 1', async () => {
    const chain = await served();
    process.kill(chain.hops[2]!.pid, 'SIGKILL');
    const { code, stderr } = await chain.cli.ended;
    expect(code).toBe(1);
    expect(stderr).toBe('The process of hop C has ended unexpectedly (SIGKILL).\n');
    expect(hasSurvivors(chain.cli.pid)).toBe(false);
  });
});
