// One port for HTTP/1.1 and HTTP/2: told apart by ALPN under TLS, by the first bytes without.
//
// The protocol servers never listen; they are handed sockets. A socket has exactly one owner at a time, and whoever owns it
// listens to its errors.
import http from 'node:http';
import http2, { type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import net, { type AddressInfo, type Socket } from 'node:net';
import tls, { type TLSSocket } from 'node:tls';
import type { Call, CallHost } from './call.ts';
import { type Connection, Connections } from './connections.ts';
import { Http1Call } from './http1.ts';
import { Http2Call } from './http2.ts';
import { sniff } from './preface.ts';
import type { Settings } from './settings.ts';

/** Takes a call in, before its handler starts; false when it has been refused. */
export type Admit = (call: Call) => boolean;

export class Listener {
  readonly connections: Connections = new Connections();
  readonly #settings: Settings;
  readonly #host: CallHost;
  readonly #admit: Admit;
  readonly #start: (call: Call) => void;
  readonly #http1: http.Server;
  readonly #http2: http2.Http2Server | undefined;
  readonly #server: net.Server;
  readonly #timeout: number;
  readonly #bySocket = new WeakMap<object, Connection>();
  /** Calls that came in during this turn of the event loop. */
  #arrived: Http2Call[] = [];

  constructor(settings: Settings, host: CallHost, admit: Admit, start: (call: Call) => void) {
    this.#settings = settings;
    this.#host = host;
    this.#admit = admit;
    this.#start = start;
    this.#timeout = Math.min(settings.handlerTimeoutMs, settings.requestTimeoutMs);
    this.#http1 = this.#makeHttp1();
    this.#http2 = settings.http2 === false ? undefined : this.#makeHttp2();
    this.#server = settings.tls === undefined ? this.#makePlain() : this.#makeTls(settings.tls);
  }

  async listen(): Promise<URL> {
    const { host, port } = this.#settings;
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', (error) => reject(explain(error, host, port)));
      this.#server.listen({ host, port }, resolve);
    });
    this.#server.removeAllListeners('error').on('error', (error) => this.#settings.onError(error, 'the listener'));
    const { address, family, port: bound } = this.#server.address() as AddressInfo;
    const everywhere = address === '::' || address === '0.0.0.0';
    const name = everywhere ? 'localhost' : family === 'IPv6' ? `[${address}]` : address;
    return new URL(`${this.#settings.tls === undefined ? 'http' : 'https'}://${name}:${bound}`);
  }

  /** Takes no new connections. Those there are live on. */
  stop(): void {
    this.#server.close();
    // Stops its timer only: it has never listened.
    this.#http1.close();
  }

  #makePlain(): net.Server {
    // Half-open as node:http has it: it answers what came before the FIN of a client that was too quick.
    return net.createServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
      const connection = this.#welcome(socket);
      if (this.#http2 === undefined) this.#http1.emit('connection', socket);
      else sniff(socket, this.#settings.headersTimeoutMs, (isHttp2) => this.#hand(connection, isHttp2));
    });
  }

  #makeTls(options: tls.TlsOptions): tls.Server {
    const ALPNProtocols = this.#http2 === undefined ? ['http/1.1'] : ['h2', 'http/1.1'];
    const handshakeTimeout = timerOf(this.#settings.headersTimeoutMs);
    const server = tls.createServer({
      handshakeTimeout,
      ...options,
      ALPNProtocols,
      allowHalfOpen: true,
      noDelay: true,
    });
    return server.on('secureConnection', (socket: TLSSocket) => {
      this.#hand(this.#welcome(socket), socket.alpnProtocol === 'h2');
    });
  }

  #welcome(socket: Socket): Connection {
    // Until a protocol server listens: a peer may reset at any time.
    socket.on('error', ignore);
    const connection = this.connections.add(socket);
    this.#bySocket.set(socket, connection);
    return connection;
  }

  #hand(connection: Connection, isHttp2: boolean): void {
    const { socket } = connection;
    if (!isHttp2 || this.#http2 === undefined) return void this.#http1.emit('connection', socket);
    // An HTTP/2 session ends with the peer's FIN.
    socket.allowHalfOpen = false;
    const onSession = (session: ServerHttp2Session) => {
      this.#bySocket.set(session, connection);
      connection.speaksHttp2(session);
    };
    this.#http2.once('session', onSession);
    this.#http2.emit('connection', socket);
    this.#http2.off('session', onSession);
  }

  #makeHttp1(): http.Server {
    const headersTimeout = timerOf(this.#settings.headersTimeoutMs);
    const connectionsCheckingInterval = Math.min(headersTimeout, CHECKING_MS);
    const server = http.createServer({ ...HTTP1_OPTIONS, headersTimeout, connectionsCheckingInterval });
    // What starts the watch over late headers; the server itself never listens.
    server.emit('listening');
    return server.on('request', (request, response) => {
      const connection = this.#bySocket.get(request.socket) as Connection;
      const call = new Http1Call(this.#host, connection, this.#timeout, request, response);
      if (this.#admit(call)) this.#start(call);
    });
  }

  #makeHttp2(): http2.Http2Server {
    const server = http2.createServer(HTTP2_OPTIONS);
    server.on('session', (session) => session.on('error', ignore));
    server.on('sessionError', ignore);
    return server.on('stream', (stream, headers) => this.#arrive(stream, headers));
  }

  #arrive(stream: ServerHttp2Stream, headers: http2.IncomingHttpHeaders): void {
    const connection = stream.session && this.#bySocket.get(stream.session);
    // Gone with its session, by what came behind it: the error of that is still to be told, and nobody would listen.
    if (stream.destroyed || connection === undefined) return void stream.on('error', ignore);
    const call = new Http2Call(this.#host, connection, this.#timeout, stream, headers);
    if (!this.#admit(call)) return;
    // Node does so for HTTP/1.1, and on its compatibility API.
    if (headers.expect === '100-continue') stream.additionalHeaders({ ':status': 100 });
    // A reset in the same read comes in a later tick of this turn. Work that is cancelled already is never started: it is
    // what a flood of resets would pay for.
    if (this.#arrived.length === 0) setImmediate(() => this.#startArrived());
    this.#arrived.push(call);
  }

  #startArrived(): void {
    const calls = this.#arrived;
    this.#arrived = [];
    for (const call of calls) {
      if (call.finished) call.handlerEnded();
      else this.#start(call);
    }
  }
}

/** How often node:http looks for headers that are late. */
const CHECKING_MS = 5_000;

/** A limit as Node's own timers take it: whole milliseconds, and never Infinity. */
function timerOf(ms: number): number {
  return Math.min(Math.ceil(ms), 2 ** 31 - 1);
}

const HTTP1_OPTIONS: http.ServerOptions & { optimizeEmptyRequests: boolean } = {
  requestTimeout: 0,
  // A request that announced no body is asked for none. Known to Node 22 and later.
  optimizeEmptyRequests: true,
};

const HTTP2_OPTIONS: http2.ServerOptions & { streamResetBurst: number; streamResetRate: number } = {
  // A session with many honest cancels must live; what a cancelled call costs here is bounded. Node 20 has only the last one.
  streamResetBurst: 10_000,
  streamResetRate: 1_000,
  maxSessionInvalidFrames: 100_000,
};

function explain(error: NodeJS.ErrnoException, host: string, port: number): Error {
  const why: Record<string, string> = {
    EADDRINUSE: `Port ${port} on ${host} is in use; choose another one, or 0 for any that is free.`,
    EACCES: `Port ${port} on ${host} needs more rights than this process has; choose one above 1023.`,
    EADDRNOTAVAIL: `${host} is no address of this machine; choose '127.0.0.1' for this machine only, '::' for everywhere.`,
  };
  const message = why[error.code ?? ''];
  return message === undefined ? error : Object.assign(new Error(message, { cause: error }), { code: error.code });
}

function ignore(): void {}
