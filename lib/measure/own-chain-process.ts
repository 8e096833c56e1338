// The entry of the process that runs a user's module: starts the chain, makes the calls, and takes the reports of its hops.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { pathToFileURL } from 'node:url';
import type { BenchChain, HopReport, StartChain } from './contract.ts';
import { Desk, type Made } from './desk.ts';
import { SPARED } from './greeter.ts';
import type { CallOrder, FromOwnChain, ToOwnChain } from './messages.ts';
import { hopsOf, readReports } from './own-reports.ts';
import { followParent } from './parent.ts';

let chain: BenchChain | undefined;
let starting: Promise<unknown> | undefined;

const tell = followParent<ToOwnChain, FromOwnChain>(
  async (message) => {
    if ('file' in message) {
      const hops = start(message.file);
      starting = hops.catch(() => {});
      tell({ hops: await hops });
    } else await desk.hear(message);
  },
  async () => {
    // What comes up meanwhile has to be ended, too.
    await starting;
    await chain?.end?.();
  },
);

const desk = new Desk(make, tell);
const report = (report: HopReport) => tell({ report });

async function start(file: string): Promise<readonly string[]> {
  const module: { start?: unknown } = await import(pathToFileURL(file).href).catch((error: unknown) => {
    // Node goes on to tell which file of ours has asked for it.
    const [why] = lineOf(error).split(' imported from ');
    throw new Error(`${file} could not be loaded: ${why}.`, { cause: error });
  });
  const begin = module.start as StartChain | undefined;
  if (typeof begin !== 'function') {
    const names = Object.keys(module).join(', ') || 'nothing';
    throw new Error(`Expected ${file} to export a function \`start\`, it exports ${names}.`);
  }
  const reportUrl = await listen();
  try {
    chain = await begin({ report: checked, reportUrl });
  } catch (error) {
    throw new Error(`\`start\` of ${file} has failed: ${lineOf(error)}.`, { cause: error });
  }
  return hopsOf(chain, file);
}

/** What was thrown, in a line, to be part of a sentence. Node explains a missing export with an example of code. */
function lineOf(error: unknown): string {
  const [line = ''] = String(error instanceof Error ? error.message : error).split('\n');
  return line.replace(/\.$/, '');
}

/** Misuse throws where it happens: in the module. */
function checked(value: HopReport): void {
  for (const one of readReports(value)) report(one);
}

async function listen(): Promise<string> {
  const server = createServer((request, response) => {
    text(request)
      .then((body) => readReports(JSON.parse(body)).forEach(report))
      .then(
        () => response.writeHead(204).end(),
        (error: Error) => response.writeHead(400).end(error.message),
      );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
}

function make({ call: id }: CallOrder): Made {
  const controller = new AbortController();
  const { signal } = controller;
  let settled = false;
  const called = (async () => await chain?.call({ id, lasting: !id.startsWith(SPARED), signal }))();
  const done = called
    .then(
      () => ({ code: 'ok' as const }),
      (error: unknown) => ({
        code: signal.aborted ? ('canceled' as const) : ('unknown' as const),
        message: lineOf(error),
      }),
    )
    .finally(() => {
      settled = true;
    });
  return {
    cancel() {
      if (settled) return false;
      controller.abort();
      return true;
    },
    done,
  };
}
