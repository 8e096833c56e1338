import mysql, { type RowDataPacket } from 'mysql2/promise';
import type { MariadbServer } from '../../support/mariadb-server.ts';
import type { Hold, Stubborn } from './postgres-admin.ts';

/** Another connection, that looks on and holds things up. */
export class MariadbAdmin implements AsyncDisposable {
  readonly #connection: mysql.Connection;
  readonly #server: MariadbServer;
  #holds = 0;

  private constructor(connection: mysql.Connection, server: MariadbServer) {
    this.#connection = connection;
    this.#server = server;
  }

  static async connect(server: MariadbServer): Promise<MariadbAdmin> {
    const { host, port, user } = server;
    const connection = await mysql.createConnection({ host, port, user });
    await connection.query('create table if not exists mysql.holds (id int primary key, n int) engine = innodb');
    return new MariadbAdmin(connection, server);
  }

  async rows<T>(sql: string): Promise<T[]> {
    const [rows] = await this.#connection.query<RowDataPacket[]>(sql);
    return rows as T[];
  }

  /** A row that another connection has locked. */
  async hold(): Promise<Hold> {
    const id = ++this.#holds;
    await this.rows(`insert into mysql.holds values (${id}, 0)`);
    const lock = `select n from mysql.holds where id = ${id} for update`;
    return this.#held(lock, ['begin', lock], '');
  }

  /** A lock by name: who is stopped while it waits for one gets a null. */
  async stubborn(): Promise<Stubborn> {
    const sql = `select get_lock('${++this.#holds}', 60) as answer`;
    return { ...(await this.#held(sql, [sql], 'User lock')), value: { answer: null } };
  }

  async #held(sql: string, statements: readonly string[], waits: string): Promise<Hold> {
    const id = this.#holds;
    const { host, port, user } = this.#server;
    const holder = await mysql.createConnection({ host, port, user });
    for (const statement of statements) await holder.query(statement);
    let held = true;
    const free = async (): Promise<void> => {
      if (held) await holder.end();
      held = false;
    };
    const look = `select id as pid, info from information_schema.processlist where state like '%${waits}%' and db is not null`;
    return {
      id,
      sql,
      waiting: async (count = 1) => {
        for (;;) {
          const found = (await this.rows<{ pid: number; info: string }>(look)).filter(({ info }) => info === sql);
          if (found.length >= count) return found.map(({ pid }) => pid);
        }
      },
      free,
      [Symbol.asyncDispose]: free,
    };
  }

  /** The sessions of the pools: all but this one, and those that hold. */
  sessions(): Promise<{ pid: number; state: string; query: string | null }[]> {
    return this.rows(
      "select id as pid, if(command = 'Sleep', 'idle', 'active') as state, info as query from information_schema.processlist" +
        ` where id <> connection_id() and command <> 'Daemon' and user <> 'system user' and db is not null`,
    );
  }

  async sessionsLeft(count: number): Promise<void> {
    while ((await this.sessions()).length !== count);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#connection.end();
  }
}
