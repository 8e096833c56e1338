import { once } from 'node:events';
import { type AddressInfo, createServer, Socket } from 'node:net';
import pg from 'pg';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { requestCancel, type PostgresServer as Server } from '../../lib/query/index.ts';
import { PostgresAdmin } from '../adapters/support/postgres-admin.ts';
import { Relay } from '../adapters/support/relay.ts';
import { certificate } from '../server/support/certificate.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';
import { freePort } from '../support/service.ts';

let server: PostgresServer;
let admin: PostgresAdmin;
let client: pg.Client;
beforeAll(async () => {
  server = await startPostgres(certificate());
  admin = await PostgresAdmin.connect(server);
  client = new pg.Client({ host: server.host, port: server.port, user: server.user, database: server.database });
  await client.connect();
});
afterAll(async () => {
  await client.end();
  await admin[Symbol.asyncDispose]();
  await server[Symbol.asyncDispose]();
});

const key = () => {
  const { processID, secretKey } = client as unknown as { processID: number; secretKey: number };
  return { pid: processID, secret: secretKey };
};
const trusted = { ca: certificate().cert };

describe('a request to cancel', () => {
  const ways: [string, (relayed: number) => Partial<Server>][] = [
    ['in plain text', () => ({})],
    ['over a Unix socket', () => ({ path: `${server.folder}/.s.PGSQL.${server.port}` })],
    ['over TLS', () => ({ tls: trusted })],
    ['over TLS that need not be', () => ({ tls: trusted, negotiation: 'prefer' })],
    ['through a socket of one’s own', () => ({ socket: () => new Socket() })],
    ['through something in between', (port) => ({ port })],
  ];

  it.each(ways)('stops what the session runs: %s', async (_, way) => {
    await using hold = await admin.hold();
    await using relay = await Relay.to(server.port);
    const stopped = client.query(hold.sql).catch((error: unknown) => error);
    await hold.waiting();
    await requestCancel({ host: server.host, port: server.port, ...way(relay.port) }, key());
    expect(await stopped).toMatchObject({ code: '57014' });
  });

  it('reaches nobody with a wrong key, and is acknowledged all the same', async () => {
    await using hold = await admin.hold();
    const answer = client.query(hold.sql);
    const [pid] = await hold.waiting();
    await requestCancel(server, { pid: pid!, secret: key().secret ^ 1 });
    await requestCancel(server, { pid: 1, secret: 1 });
    expect(await hold.waiting()).toEqual([pid]);
    await hold.free();
    expect((await answer).rowCount).toBe(1);
  });

  it('takes a secret above 2³¹ as the number that it is', async () => {
    await using hold = await admin.hold();
    const { pid, secret } = key();
    const stopped = client.query(hold.sql).catch((error: unknown) => error);
    await hold.waiting();
    await requestCancel(server, { pid, secret: secret >>> 0 });
    expect(await stopped).toMatchObject({ code: '57014' });
  });

  it.each<[string, () => Promise<Partial<Server>>, string]>([
    ['nobody listens', async () => ({ port: await freePort() }), 'ECONNREFUSED'],
    ['the certificate is not to be trusted', async () => ({ tls: {} }), 'self-signed'],
    ['the server speaks no TLS from the first byte', async () => ({ tls: trusted, negotiation: 'direct' }), 'TLS'],
  ])('fails where %s', async (_, where, words) => {
    const { host, port } = server;
    await expect(requestCancel({ host, port, ...(await where()) }, key())).rejects.toThrow(words);
  });

  it('fails where the session has TLS and the server has none any more', async () => {
    await using plain = await startPostgres();
    await expect(requestCancel({ ...plain, tls: trusted }, key())).rejects.toThrow('TLS');
    await requestCancel({ ...plain, tls: trusted, negotiation: 'prefer' }, key());
  });

  it('leaves no socket behind', async () => {
    const sockets = () => process.getActiveResourcesInfo().filter((name) => name.includes('TCP')).length;
    const before = sockets();
    for (let times = 0; times < 20; times++) await requestCancel(server, key());
    expect(sockets()).toBe(before);
  });

  it('fails where what is in between closes in answer to the wish for TLS', async () => {
    const closing = createServer((socket) => socket.once('data', () => socket.end())).listen(0, '127.0.0.1');
    await once(closing, 'listening');
    const { port } = closing.address() as AddressInfo;
    await expect(requestCancel({ host: '127.0.0.1', port, tls: trusted }, key())).rejects.toThrow('before the cancel');
    closing.close();
    await once(closing, 'close');
  });
});
