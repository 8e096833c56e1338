import pg from 'pg';
import type { PostgresServer } from '../../support/postgres-server.ts';

/** Something that a query waits for until the spec lets it go. */
export interface Hold extends AsyncDisposable {
  readonly id: number;
  /** Takes one row when it gets its way. */
  readonly sql: string;
  /** The sessions that wait, when there are so many. */
  waiting(count?: number): Promise<number[]>;
  free(): Promise<void>;
}

/** One that brings a value when it is stopped while it waits. */
export interface Stubborn extends Hold {
  readonly value: Record<string, unknown>;
}

/** Another connection, that looks on and holds things up. */
export class PostgresAdmin implements AsyncDisposable {
  readonly client: pg.Client;
  #holds = 0;

  private constructor(client: pg.Client) {
    this.client = client;
  }

  static async connect(server: PostgresServer): Promise<PostgresAdmin> {
    const client = new pg.Client({ ...server, application_name: 'admin' });
    await client.connect();
    await client.query(`create or replace function answer(id int) returns int language plpgsql as $$
      begin perform pg_advisory_xact_lock(id); return 0; exception when query_canceled then return 42; end $$`);
    return new PostgresAdmin(client);
  }

  async rows<T = Record<string, unknown>>(text: string, values: unknown[] = []): Promise<T[]> {
    return (await this.client.query(text, values)).rows;
  }

  async hold(): Promise<Hold> {
    const id = ++this.#holds;
    await this.client.query('select pg_advisory_lock($1)', [id]);
    const free = async (): Promise<void> => void (await this.client.query('select pg_advisory_unlock($1)', [id]));
    return {
      id,
      sql: `select pg_advisory_xact_lock(${id})`,
      waiting: async (count = 1) => {
        const look = `select pid from pg_locks where locktype = 'advisory' and objid = ${id} and not granted`;
        for (;;) {
          const found = await this.rows<{ pid: number }>(look);
          if (found.length >= count) return found.map(({ pid }) => pid);
        }
      },
      free,
      [Symbol.asyncDispose]: free,
    };
  }

  async stubborn(): Promise<Stubborn> {
    const hold = await this.hold();
    return { ...hold, sql: `select answer(${this.#holds}) as answer`, value: { answer: 42 } };
  }

  /** The sessions of the pools: all but this one. */
  sessions(): Promise<{ pid: number; state: string; query: string }[]> {
    return this.rows(
      "select pid, state, query from pg_stat_activity where backend_type = 'client backend' and application_name <> 'admin'",
    );
  }

  /** Waits until that many sessions are left. */
  async sessionsLeft(count: number): Promise<void> {
    while ((await this.sessions()).length !== count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.end();
  }
}
