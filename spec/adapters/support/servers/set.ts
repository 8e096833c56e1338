import type { ReceptionOptions } from '../../../../lib/server/index.ts';
import { type Ask, type Asked, type Client, connect, type Protocol } from '../../../server/support/peers.ts';
import type { Framework, Held } from './framework.ts';
import { type Serving, serving } from './serving.ts';

/** A client of a framework's application. */
export interface Table {
  readonly app: Serving;
  readonly client: Client;
  /** A request in the framework's own language. */
  ask(ask?: Ask, streams?: boolean): Asked;
  /** A request, and its handler, which waits. */
  held(ask?: Ask, streams?: boolean): Promise<{ asked: Asked; held: Held }>;
  /** Another connection. */
  another(): Promise<Client>;
}

/** An application that listens, and a client that is connected; `ends` are to be called at the end, the last one first. */
export async function setTable(
  framework: Framework,
  protocol: Protocol,
  ends: (() => unknown)[],
  options?: ReceptionOptions,
): Promise<Table> {
  const app = await serving(framework, protocol, options);
  ends.push(app.close);
  const another = async () => {
    const client = await connect(protocol, app.port);
    ends.push(() => client.leave());
    return client;
  };
  const client = await another();
  const ask = (ask: Ask = {}, streams = false) => client.ask(inWordsOf(framework, ask, streams));
  return {
    app,
    client,
    ask,
    another,
    async held(about = {}, streams = false) {
      const asked = ask(about, streams);
      return { asked, held: await app.seen.take() };
    },
  };
}

export function inWordsOf({ name, ask }: Framework, about: Ask, streams = false): Ask {
  const own = ask === undefined ? about : ask(about, streams);
  if (own === undefined) throw new Error(`${name} has no request of this kind.`);
  return own;
}
