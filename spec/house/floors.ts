/** One room of the house: a folder of lib/, or the one file that is the whole room. */
export interface Room {
  readonly floor: number;
  /** The rooms it may import, all of them below, through their doors only. */
  readonly sees: readonly string[];
  /** Runs wherever JavaScript does: it names nothing of Node. */
  readonly portable?: true;
  /** The packages it may import; `types`: any, by `import type` alone. */
  readonly packages?: readonly string[] | 'types';
  /** A folder's files from the ground up: each imports only those before it. */
  readonly order?: string;
  /** The file that loads what a user names: the one import that nobody can read here. */
  readonly loads?: string;
  /** In place of an order: every file is a door of its own, and none imports another. */
  readonly apart?: true;
}

/** The plan of the house. A room that is not built yet may stand here; a room that stands in lib/ must. */
export const rooms: Readonly<Record<string, Room>> = {
  core: {
    floor: 0,
    sees: [],
    portable: true,
    order:
      'reason report argument error cancellation instrument clock alarm signal rare surface registration deliver kin tree deadline bridge source current cell snapshot index',
  },

  task: {
    floor: 1,
    sees: ['core'],
    portable: true,
    order:
      'awake callback leaf options outcome checkpoint once-event coroutine grace stopped group run share shield sleep stop-when timeout wait-all wait-any iterate scope wait-for without-cancel cancellable index',
  },
  abortable: {
    floor: 1,
    sees: ['core'],
    portable: true,
    packages: ['abort-controller-x'],
    order: 'bridge combine wait retry spawn index',
  },
  thread: { floor: 1, sees: ['core'], portable: true, order: 'cell publish follow index' },
  wire: {
    floor: 1,
    sees: ['core'],
    portable: true,
    order: 'copy names status deadline-header metadata error-json envelope inflow exchange index',
  },
  diagnostics: { floor: 1, sees: ['core'] },
  ambient: { floor: 1, sees: ['core'] },

  query: { floor: 1, sees: ['core'], order: 'options session flight lane statement cancel-request index' },

  index: { floor: 2, sees: ['core', 'task'], portable: true },
  fetch: {
    floor: 2,
    sees: ['core', 'task', 'wire'],
    portable: true,
    order: 'cancel-code deadline passage response call create-fetch index',
  },
  server: {
    floor: 2,
    // ambient: a handler's own calls go under its token also where nobody but the server has been imported.
    sees: ['core', 'task', 'wire', 'ambient'],
    packages: ['zod'],
    order:
      'fields fast-response peer body write raw-headers request refusal line node-line signal-line socket-line mount preface signals connections call answer web-request web-response web-handler direct-handler http1 http2 in-flight late-bodies drain guest-lines options settings visit reception voice run listen serve index',
  },
  sse: { floor: 2, sees: ['core', 'task'], portable: true },
  'postgres-js': { floor: 2, sees: ['core', 'query'], order: 'driver waiting-room seat index' },
  process: { floor: 2, sees: ['core', 'task'], order: 'group watch output index' },
  testing: { floor: 2, sees: ['core', 'task', 'wire'], order: 'fake-clock leaks matchers index' },
  bus: { floor: 2, sees: ['core', 'task', 'wire'], packages: 'types' },

  rpc: {
    floor: 3,
    sees: ['core', 'task', 'abortable', 'wire', 'fetch'],
    portable: true,
    order:
      'error codec at-least base-url context linger schema contract describe transport interceptor or-stopped turns retry answer body gzip call-options web-chunks web-writer web-exchange messages implement router receive settings reply callee attempt unary-attempt requests stream-attempt upload fetch-call client-call responses fetch-transport client served-call served-unary served-stream server index',
  },

  'rpc-node': {
    floor: 4,
    sees: ['core', 'task', 'wire', 'server', 'rpc'],
    order: 'reply heartbeat session failure sessions call-stream unary-stream message-stream http2-transport index',
  },
  adapters: {
    floor: 4,
    sees: ['core', 'task', 'thread', 'wire', 'query', 'postgres-js', 'process', 'fetch', 'server', 'rpc'],
    packages: 'types',
    apart: true,
  },

  measure: {
    floor: 5,
    loads: 'lib/measure/own-chain-process.ts',
    sees: ['core', 'task', 'wire', 'fetch', 'server', 'rpc', 'rpc-node'],
    packages: ['zod'],
    order:
      'child greeter parent quantiles visit watch carrier fault floor hop contract messages board desk hop-process floor-hop-process chain caller-process floor-caller-process own-reports own-chain-process subject own-chain round contest summary ratio baseline gate distribution bench index',
  },

  cli: {
    floor: 6,
    sees: ['core', 'task', 'diagnostics', 'server', 'rpc', 'rpc-node', 'measure'],
    packages: ['zod'],
    order:
      'acts arguments help paint progress report bar perform timeline keep-up story bench-options histogram bench-report bench-svg bench demo main',
  },
};
