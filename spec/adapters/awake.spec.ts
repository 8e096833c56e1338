import { describe, expect, it } from 'vitest';
import { howFar } from '../support/how-far.ts';

describe('a process lives until it is told how something ended that holds it no longer', () => {
  it.skipIf(process.platform === 'win32')('a group of processes whose leader has left', async () => {
    const text = `
      import { once } from 'node:events';
      import { CancellationSource } from 'nevermind';
      import { spawn } from 'nevermind/adapters/child-process';
      const source = new CancellationSource();
      const stubborn = "(trap '' TERM; echo ready; exec sleep 60) & wait";
      const child = spawn('sh', ['-c', stubborn], { token: source.token, stdio: ['ignore', 'pipe', 'ignore'], graceMs: 50 });
      await once(child.stdout, 'data');
      child.stdout.destroy();
      source.cancel();
      await child.ended;`;
    expect(await howFar(text)).toBe('awake');
  });

  it('work of a socket that has closed', async () => {
    const text = `
      import { once } from 'node:events';
      import { converse } from 'nevermind/adapters/ws';
      import { WebSocket, WebSocketServer } from 'ws';
      const server = new WebSocketServer({ port: 0 });
      await once(server, 'listening');
      const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
      const [[socket]] = await Promise.all([once(server, 'connection'), once(client, 'open')]);
      const talk = converse(socket, { graceMs: 50 });
      talk.start(() => new Promise(() => {}));
      client.close();
      server.close();
      await talk.ended;`;
    expect(await howFar(text)).toBe('awake');
  });
});
