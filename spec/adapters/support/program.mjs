// A program to be ended: node program.mjs <what it does> …
import { spawn } from 'node:child_process';
import { connect } from 'node:net';
import { fileURLToPath } from 'node:url';

const say = (line) => process.stdout.write(`${line}\n`);
const stay = () => setInterval(() => {}, 1_000);

const ways = {
  wait() {
    stay();
    say(`ready ${process.pid}`);
  },
  stubborn() {
    process.on('SIGTERM', () => say('ignored'));
    stay();
    say(`ready ${process.pid}`);
  },
  polite() {
    process.on('SIGTERM', () => process.exit(0));
    stay();
    say(`ready ${process.pid}`);
  },
  /** Leaves at SIGTERM, and leaves behind what does not; both hold the same output. */
  parent(way) {
    spawn(process.execPath, [fileURLToPath(import.meta.url), way], { stdio: ['ignore', 'inherit', 'inherit'] });
    stay();
  },
  /** Ends at once, and leaves behind somebody who goes on. */
  daemon() {
    const child = spawn(process.execPath, [fileURLToPath(import.meta.url), 'wait'], {
      stdio: ['ignore', 'inherit', 'inherit'],
    });
    child.unref();
  },
  /** Leaves at SIGTERM with a code, and leaves behind what is in a group of its own and holds the same output. */
  heir(code, ...way) {
    process.on('SIGTERM', () => process.exit(Number(code)));
    const args = [fileURLToPath(import.meta.url), ...way];
    spawn(process.execPath, args, { stdio: ['ignore', 'inherit', 'inherit'], detached: true });
    stay();
  },
  /** Prints what it is told, until it is hung up on. */
  caller(port) {
    const socket = connect(Number(port), '127.0.0.1');
    socket.on('close', () => process.exit());
    socket.pipe(process.stdout);
  },
  code(code) {
    say('out');
    process.stderr.write('err\n');
    process.exitCode = Number(code);
  },
  flood() {
    const chunk = 'x'.repeat(65_536);
    const more = (error) => (error ? process.exit() : process.stdout.write(chunk, more));
    more();
  },
};

const [way, ...args] = process.argv.slice(2);
ways[way](...args);
