// PostgreSQL's CancelRequest: a connection of its own that names the session to be stopped, and its secret, and nothing else.
// It needs no login and no free place on the server, passes through poolers that know the key, and cannot reach another session.
import { isIP, Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';

/** Where a session was opened, and how. */
export interface PostgresServer {
  readonly host: string;
  readonly port: number;
  /** Of a Unix socket, in place of host and port. */
  readonly path?: string | undefined;
  /** Left out: in plain text. */
  readonly tls?: ConnectionOptions | undefined;
  /** `direct`: TLS from the first byte; `prefer`: plain text where the server has no TLS. */
  readonly negotiation?: 'direct' | 'prefer' | undefined;
  /** Makes the socket to connect. */
  readonly socket?: (() => Socket) | undefined;
}

/** What the server calls a session. */
export interface SessionKey {
  readonly pid: number;
  readonly secret: number;
}

const CANCEL_REQUEST = 80_877_102;
const SSL_REQUEST = 80_877_103;

/** A server that is alive takes milliseconds. */
const LIMIT_MS = 10_000;

function message(...words: number[]): Buffer {
  const bytes = Buffer.alloc(4 + 4 * words.length);
  bytes.writeInt32BE(bytes.length);
  for (const [index, word] of words.entries()) bytes.writeInt32BE(word | 0, 4 + 4 * index);
  return bytes;
}

/**
 * Asks a server to stop what a session runs.
 *
 * @returns resolves when the server has closed the connection, which it does once it has signalled the session. It does not say
 *   whether there was anything to stop, nor whether the key was right; that is the protocol's way.
 */
export function requestCancel(server: PostgresServer, { pid, secret }: SessionKey): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = server.socket?.() ?? new Socket();
    const fail = (error: Error): void => {
      socket.destroy();
      reject(error);
    };
    const closed = (): void => fail(new Error('The server closed the connection before the cancel was sent.'));
    const send = (stream: Socket): void => {
      socket.off('close', closed);
      // Read to its end, or its end would not be heard.
      stream.on('error', fail).on('close', resolve).resume();
      stream.write(message(CANCEL_REQUEST, pid, secret));
    };
    socket
      .on('error', fail)
      .on('close', closed)
      .setTimeout(LIMIT_MS, () => fail(new Error(`No answer to a cancel for ${LIMIT_MS} ms.`)));
    socket.once('connect', () => secured(server, socket, send, fail));
    if (server.path === undefined) socket.connect(server.port, server.host);
    else socket.connect(server.path);
  });
}

/** Goes on with a stream that is as safe as the session's own. */
function secured(
  { tls, negotiation, host }: PostgresServer,
  socket: Socket,
  go: (stream: Socket) => void,
  fail: (error: Error) => void,
): void {
  if (tls === undefined) {
    go(socket);
    return;
  }
  const encrypt = (): void => {
    const name = isIP(host) === 0 ? { servername: host } : {};
    const protocol = negotiation === 'direct' ? { ALPNProtocols: ['postgresql'] } : {};
    const stream = connectTls({ host, ...name, ...tls, ...protocol, socket });
    stream.on('error', fail).once('secureConnect', () => go(stream));
  };
  if (negotiation === 'direct') {
    encrypt();
    return;
  }
  socket.write(message(SSL_REQUEST));
  socket.once('data', ([answer]) => {
    if (answer === 'S'.charCodeAt(0)) encrypt();
    else if (negotiation === 'prefer') go(socket);
    else fail(new Error('The server takes no cancel over TLS, though it has a session over TLS.'));
  });
}
