import type { AddressInfo, Server } from 'node:net';

/** A server that listens on a free port of this machine. */
export async function listening(server: Server): Promise<{ url: string; port: number; close(): Promise<void> }> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const close = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve());
      (server as { closeAllConnections?: () => void }).closeAllConnections?.();
    });
  return { url: `http://127.0.0.1:${port}`, port, close };
}
