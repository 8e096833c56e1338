// A service of docs/examples/adopting in a process of its own, and what it calls: a PostgreSQL and prices that both wait for the spec.
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInterface } from 'node:readline';
import pg from 'pg';
import { root } from '../house/sources.ts';
import { type PostgresServer, startPostgres } from '../support/postgres-server.ts';

/** What a report of a shop costs a thread; it asks for eight prices. */
export const SHOPS = { small: 8, large: 80, endless: 8_000_000 } as const;
export type Shop = keyof typeof SHOPS;

export class World implements AsyncDisposable {
  readonly postgres: PostgresServer;
  readonly #admin: pg.Client;
  readonly #server: Server;
  /** The calls that wait for {@link World.answer}, while `holding`. */
  readonly held: { readonly req: IncomingMessage; readonly res: ServerResponse }[] = [];
  holding = false;
  calls = 0;

  private constructor(postgres: PostgresServer, admin: pg.Client) {
    this.postgres = postgres;
    this.#admin = admin;
    this.#server = createServer((req, res) => {
      this.calls++;
      if (this.holding) this.held.push({ req, res });
      else res.end('{"price":5}');
    }).listen(0, '127.0.0.1');
  }

  static async open(): Promise<World> {
    const postgres = await startPostgres();
    const { host, port, user, database } = postgres;
    const admin = new pg.Client({ host, port, user, database, application_name: 'admin' });
    await admin.connect();
    await admin.query('create table sales (shop text, product text, quantity int)');
    for (const [shop, steps] of Object.entries(SHOPS)) {
      await admin.query("insert into sales select $1, 'p' || n, $2 from generate_series(1, 8) n", [shop, steps / 8]);
    }
    const world = new World(postgres, admin);
    await once(world.#server, 'listening');
    return world;
  }

  get prices(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Lets no query of a service go on. */
  async lock(): Promise<void> {
    await this.#admin.query('begin');
    await this.#admin.query('lock table sales in access exclusive mode');
  }

  async unlock(): Promise<void> {
    await this.#admin.query('rollback');
  }

  /** How many queries wait for that. */
  async waiting(): Promise<number> {
    const { rowCount } = await this.#admin.query(
      "select from pg_locks where relation = 'sales'::regclass and not granted",
    );
    return rowCount ?? 0;
  }

  get stillHeld(): number {
    return this.held.filter(({ res }) => !res.destroyed).length;
  }

  answer(): void {
    this.holding = false;
    for (const { res } of this.held.splice(0)) res.end('{"price":5}');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await this.#admin.end();
    await this.postgres[Symbol.asyncDispose]();
  }
}

export class RunningService implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #url: string;
  readonly exited: Promise<unknown[]>;

  private constructor(child: ChildProcess, port: string) {
    this.#child = child;
    this.#url = `http://127.0.0.1:${port}`;
    this.exited = once(child, 'exit');
  }

  static async start(n: number, world: World, more: NodeJS.ProcessEnv = {}): Promise<RunningService> {
    const { host, port, user, database } = world.postgres;
    const where = { PGHOST: host, PGPORT: String(port), PGUSER: user, PGDATABASE: database, PRICES: world.prices };
    const child = spawn(process.execPath, [`docs/examples/adopting/service-${n}.mjs`], {
      cwd: root,
      env: { ...process.env, ...where, ...more },
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = (await once(createInterface({ input: child.stdout }), 'line')) as [string];
    return new RunningService(child, line);
  }

  /** Asks for a report. */
  ask(shop: Shop): { readonly answer: Promise<{ status: number; body: unknown } | 'none'>; leave(): void } {
    const caller = new AbortController();
    const read = async () => {
      const response = await fetch(`${this.#url}/reports/${shop}`, { signal: caller.signal });
      return { status: response.status, body: await response.json().catch(() => undefined) };
    };
    return { answer: read().catch(() => 'none' as const), leave: () => caller.abort() };
  }

  /** What its threads have done. Who has left before has been seen to leave when this has been answered a few times. */
  async steps(): Promise<number> {
    return ((await (await fetch(`${this.#url}/metrics`)).json()) as { steps: number }).steps;
  }

  /** Whether it takes calls. */
  listens(): Promise<boolean> {
    return this.steps().then(
      () => true,
      () => false,
    );
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#child.kill('SIGKILL');
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.exited;
  }
}
