import { type ChildProcess, fork, spawn as plain } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { constants } from 'node:os';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { type Ending, endWith, execFile, spawn } from '../../lib/adapters/child-process.ts';
import { runWithToken } from '../../lib/ambient.ts';
import { CancellationSource, CancellationToken, snapshot } from '../../lib/core/index.ts';
import { fakeClock } from '../../lib/testing/index.ts';

const PROGRAM = fileURLToPath(new URL('support/program.mjs', import.meta.url));
const NODE = process.execPath;

const started: ChildProcess[] = [];
afterEach(() => {
  vi.restoreAllMocks();
  for (const { pid } of started.splice(0)) {
    try {
      process.kill(-(pid as number), 'SIGKILL');
    } catch {
      // It has ended, as it should.
    }
  }
});

function program(token: CancellationToken, way: string[], options: object = {}): Ending {
  const child = spawn(NODE, [PROGRAM, ...way], { token, stdio: ['ignore', 'pipe', 'inherit'], ...options });
  started.push(child);
  return child;
}

async function line(child: ChildProcess): Promise<string> {
  const lines = createInterface({ input: child.stdout as NodeJS.ReadableStream });
  const [text] = (await once(lines, 'line')) as [string];
  lines.close();
  child.stdout?.resume();
  return text;
}

/** A zombie is nobody: it waits to be counted by a parent that may never do so. */
function runs(pid: number): boolean {
  if (existsSync('/proc/self/stat')) {
    const stat = `/proc/${pid}/stat`;
    return existsSync(stat) && !/\) Z /.test(readFileSync(stat, 'utf8'));
  }
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

/** A process closes its files a moment before it is a zombie. */
function gone(pid: number): Promise<void> {
  return vi.waitFor(() => expect(runs(pid)).toBe(false));
}

/** Where a program calls; it leaves when that is closed. */
async function desk(): Promise<AsyncDisposable & { port: string; call: Promise<Socket> }> {
  const server = createServer();
  const call = once(server, 'connection').then(([socket]) => socket as Socket);
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const close = async (): Promise<void> => {
    server.close();
    (await call).destroy();
  };
  return { port: String((server.address() as AddressInfo).port), call, [Symbol.asyncDispose]: close };
}

describe('spawn', () => {
  it('ends the program by SIGTERM when the token is cancelled', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['wait']);
    await line(child);
    source.cancel('PEER_CLOSED');
    expect(await child.ended).toEqual({ kind: 'stopped', error: source.token.error });
    expect(child.signalCode).toBe('SIGTERM');
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('sends the signal that it is told to', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['wait'], { killSignal: 'SIGINT' });
    await line(child);
    source.cancel();
    expect((await child.ended).kind).toBe('stopped');
    expect(child.signalCode).toBe('SIGINT');
  });

  it('kills one that does not end within the grace, and not sooner', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const child = program(source.token, ['stubborn'], { graceMs: 2_000 });
    await line(child);
    const ignored = line(child);
    source.cancel();
    expect(await ignored).toBe('ignored');
    clock.advance(1_999);
    expect(child.killed || child.signalCode !== null).toBe(false);
    clock.advance(1);
    expect((await child.ended).kind).toBe('stopped');
    expect(child.signalCode).toBe('SIGKILL');
  });

  it('kills at once without a grace', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['stubborn'], { graceMs: 0 });
    await line(child);
    source.cancel();
    await child.ended;
    expect(child.signalCode).toBe('SIGKILL');
  });

  it('ends what the program has started too, and waits for all of it, but for no zombie', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const child = program(source.token, ['parent', 'wait']);
    const pid = Number((await line(child)).split(' ')[1]);
    expect(runs(pid)).toBe(true);
    const [exit, close] = [once(child, 'exit'), once(child.stdout as NodeJS.ReadableStream, 'close')];
    source.cancel();
    await exit;
    await close;
    await gone(pid);
    clock.advance(10);
    expect((await child.ended).kind).toBe('stopped');
  });

  it('kills what outlives the program that has left at the first signal', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const child = program(source.token, ['parent', 'stubborn'], { graceMs: 2_000 });
    const pid = Number((await line(child)).split(' ')[1]);
    let ended = false;
    void child.ended.then(() => {
      ended = true;
    });
    source.cancel();
    await once(child, 'exit');
    clock.advance(1_999);
    await new Promise((resolve) => setImmediate(resolve));
    expect([ended, runs(pid)]).toEqual([false, true]);
    clock.advance(1);
    expect((await child.ended).kind).toBe('stopped');
    await once(child.stdout as NodeJS.ReadableStream, 'close');
    await gone(pid);
  });

  it('asks ever less often whether anybody is left', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const child = program(source.token, ['parent', 'stubborn'], { graceMs: 2_000 });
    await line(child);
    source.cancel();
    await once(child, 'exit');
    const signalled = vi.spyOn(process, 'kill');
    clock.advance(1_000);
    // After 10, 30, 70, 150 ms, and then every 100.
    expect(signalled.mock.calls).toEqual(Array.from({ length: 12 }, () => [-(child.pid as number), 0]));
    clock.advance(1_000);
    expect((await child.ended).kind).toBe('stopped');
  });

  it('leaves what the program has left behind, when that ends by itself', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['daemon']);
    const pid = Number((await line(child)).split(' ')[1]);
    expect(await child.ended).toEqual({ kind: 'value', value: { code: 0, signal: null } });
    source.cancel();
    expect(runs(pid)).toBe(true);
    process.kill(pid, 'SIGKILL');
  });

  it('tells how the program ended, and lets go of the token', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['code', '3']);
    expect(snapshot(source.token).callbacks).toBe(1);
    child.stdout?.resume();
    expect(await child.ended).toEqual({ kind: 'value', value: { code: 3, signal: null } });
    expect(snapshot(source.token).callbacks).toBe(0);
    source.cancel();
  });

  it('S2-17: takes a program that ends well in spite of the cancel for one that has ended well', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['polite']);
    await line(child);
    source.cancel();
    expect(await child.ended).toEqual({ kind: 'value', value: { code: 0, signal: null } });
  });

  it('starts nothing under a token that is cancelled', () => {
    const token = CancellationToken.cancelled('TIMEOUT');
    expect(() => spawn(NODE, [PROGRAM, 'wait'], { token })).toThrow(token.error);
  });

  it('takes the current token', async () => {
    const source = new CancellationSource();
    const child = runWithToken(source.token, () =>
      spawn(NODE, [PROGRAM, 'wait'], { stdio: ['ignore', 'pipe', 'inherit'] }),
    );
    started.push(child);
    await line(child);
    source.cancel('SHUTDOWN');
    expect((await child.ended).kind).toBe('stopped');
  });

  it('tells that a program could not be started', async () => {
    const source = new CancellationSource();
    const outcome = await spawn('no-such-program', [], { token: source.token }).ended;
    expect(outcome).toMatchObject({ kind: 'error', error: { code: 'ENOENT' } });
    expect(snapshot(source.token).callbacks).toBe(0);
  });

  it('leaves no process behind when this one ends', async () => {
    const script = `import { spawn } from 'nevermind/adapters/child-process';
      spawn(process.execPath, ['${PROGRAM}', 'stubborn'], { stdio: ['ignore', 'inherit', 'inherit'] });
      process.stdin.once('data', () => process.exit());`;
    const parent = plain(NODE, ['--input-type=module', '--eval', script], { stdio: ['pipe', 'pipe', 'inherit'] });
    const pid = Number((await line(parent)).split(' ')[1]);
    const closed = once(parent.stdout, 'close');
    parent.stdin.write('leave');
    await closed;
    await gone(pid);
  });

  it('keeps a program in its own group when it is told to leave the tree', async () => {
    const source = new CancellationSource();
    const child = program(source.token, ['wait'], { tree: false });
    await line(child);
    expect(() => process.kill(-(child.pid as number), 0)).toThrow(/ESRCH/);
    source.cancel();
    expect((await child.ended).kind).toBe('stopped');
  });

  it('kills after the grace one that could not be told to stop, whose error nobody listens to', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const child = program(source.token, ['wait'], { tree: false, graceMs: 100 });
    await line(child);
    const { _handle } = child as unknown as { _handle: { kill(signal: number): number } };
    vi.spyOn(_handle, 'kill').mockReturnValueOnce(-constants.errno.EPERM);
    source.cancel();
    expect(child.listenerCount('error')).toBe(0);
    clock.advance(100);
    expect((await child.ended).kind).toBe('stopped');
    expect(child.signalCode).toBe('SIGKILL');
  });
});

describe('execFile', () => {
  it('tells what was printed', async () => {
    expect(await execFile(NODE, [PROGRAM, 'code', '0'])).toEqual({ stdout: 'out\n', stderr: 'err\n' });
  });

  it('rejects with the code and what was printed', async () => {
    const error = await execFile(NODE, [PROGRAM, 'code', '3']).catch((error) => error);
    expect(error.message).toMatch(/ended with 3\.$/);
    expect(error).toMatchObject({ code: 3, signal: null, stdout: 'out\n', stderr: 'err\n' });
  });

  it('rejects with the error of the token whose cancel has ended it', async () => {
    using clock = fakeClock();
    const source = new CancellationSource({ timeout: 1_000 });
    const running = execFile(NODE, [PROGRAM, 'wait'], { token: source.token });
    clock.advance(1_000);
    await expect(running).rejects.toBe(source.token.error);
    expect(source.token.reason).toBe('TIMEOUT');
  });

  it('rejects with the error of a token that is cancelled already', async () => {
    const token = CancellationToken.cancelled();
    await expect(execFile(NODE, [PROGRAM, 'wait'], { token })).rejects.toBe(token.error);
  });

  it('ends one that prints without end, and says so', async () => {
    const error = await execFile(NODE, [PROGRAM, 'flood'], { maxBuffer: 100_000 }).catch((error) => error);
    expect(error.message).toMatch(/printed more than `maxBuffer`, 100000 bytes\.$/);
    expect(error.signal).toBe('SIGKILL');
  });

  it('rejects when the program is not there', async () => {
    await expect(execFile('no-such-program')).rejects.toMatchObject({ code: 'ENOENT' });
  });

  it('does not wait for one that holds the output, once the token is cancelled', async () => {
    const source = new CancellationSource();
    const signalled = vi.spyOn(process, 'kill');
    const running = execFile(NODE, [PROGRAM, 'daemon'], { token: source.token });
    await vi.waitFor(() => expect(snapshot(source.token).callbacks).toBe(1));
    source.cancel();
    await expect(running).rejects.toBe(source.token.error);
    expect(signalled).toHaveBeenCalled();
  });

  it('ends where what goes on printing has left the group', async () => {
    const running = execFile(NODE, [PROGRAM, 'heir', '0', 'flood'], { maxBuffer: 100_000 });
    await expect(running).rejects.toThrow(/printed more than `maxBuffer`/);
  });

  it('S2-17: waits for one that holds the output within the grace, where the program has ended well in spite of the cancel', async () => {
    using clock = fakeClock();
    await using calls = await desk();
    const source = new CancellationSource();
    const signalled = vi.spyOn(process, 'kill');
    const args = [PROGRAM, 'heir', '0', 'caller', calls.port];
    const running = execFile(NODE, args, { token: source.token, graceMs: 2_000 });
    const ended = vi.fn();
    void running.then(ended, ended);
    await calls.call;
    source.cancel();
    await gone(-(signalled.mock.calls[0]?.[0] as number));
    await vi.waitFor(() => {
      clock.advance(2_000);
      expect(ended).toHaveBeenCalled();
    });
    expect(await running).toEqual({ stdout: '', stderr: '' });
  });

  it('closes the outputs of one that was stopped, whoever else holds them', async () => {
    await using calls = await desk();
    const source = new CancellationSource();
    const running = execFile(NODE, [PROGRAM, 'heir', '1', 'caller', calls.port], { token: source.token });
    const holder = await calls.call;
    source.cancel();
    await expect(running).rejects.toBe(source.token.error);
    const left = once(holder, 'close');
    holder.resume().write('nobody listens\n');
    await left;
  });

  it("rejects with Node's error where there are no more files to be opened", async () => {
    const script = `import { openSync } from 'node:fs';
      import { execFile } from 'nevermind/adapters/child-process';
      const fill = () => { for (;;) openSync('/dev/null'); };
      try { fill(); } catch {}
      await execFile('true').catch(({ code }) => process.stdout.write(code + '\\n'));`;
    const limited = 'ulimit -n 64; exec "$0" --input-type=module --eval "$1"';
    const child = plain('sh', ['-c', limited, NODE, script], { stdio: ['ignore', 'pipe', 'inherit'] });
    expect(await line(child)).toBe('EMFILE');
  });
});

describe('endWith', () => {
  it('ends a process that was started by others', async () => {
    const source = new CancellationSource();
    const child = endWith(fork(PROGRAM, ['wait'], { silent: true }), { token: source.token });
    await line(child);
    source.cancel('SHUTDOWN');
    expect(await child.ended).toEqual({ kind: 'stopped', error: source.token.error });
  });

  it('kills one that does not end within the grace', async () => {
    using clock = fakeClock();
    const source = new CancellationSource();
    const child = endWith(plain(NODE, [PROGRAM, 'stubborn']), { token: source.token, graceMs: 100 });
    await line(child);
    const ignored = line(child);
    source.cancel();
    await ignored;
    clock.advance(100);
    expect((await child.ended).kind).toBe('stopped');
    expect(child.signalCode).toBe('SIGKILL');
  });

  it('ends at once one that begins under a cancelled token', async () => {
    const child = endWith(plain(NODE, [PROGRAM, 'wait']), { token: CancellationToken.cancelled() });
    expect((await child.ended).kind).toBe('stopped');
  });

  it('tells of one that has ended already', async () => {
    const child = plain(NODE, [PROGRAM, 'code', '4']);
    child.stdout.resume();
    await once(child, 'exit');
    expect(await endWith(child, {}).ended).toEqual({ kind: 'value', value: { code: 4, signal: null } });
  });

  it('tells of one that could not be started, whose error has been told already', async () => {
    const name = 'no-such-program';
    const child = plain(name);
    await once(child, 'error').catch(() => {});
    const message = `${name} could not be started: ENOENT.`;
    expect(await endWith(child, {}).ended).toMatchObject({ kind: 'error', error: { code: 'ENOENT', message } });
  });
});

describe('bad input', () => {
  it.each<[object, RegExp]>([
    [{ token: {} }, /^Expected `token` to be a CancellationToken or an AbortSignal/],
    [{ graceMs: -1 }, /^Expected `graceMs` to be a number of milliseconds, 0 or more, got -1/],
    [{ graceMs: Number.NaN }, /^Expected `graceMs`/],
    [{ graceMs: '5' }, /^Expected `graceMs`/],
    [{ killSignal: 'SIGFOO' }, /^Expected `killSignal` to be a signal's name, such as 'SIGTERM', got 'SIGFOO'/],
  ])('%o is refused before anything is started', (options, message) => {
    expect(() => spawn(NODE, [PROGRAM, 'wait'], options)).toThrow(message);
    expect(() => endWith(plain(NODE, ['-e', '0']), options)).toThrow(message);
  });

  it('what is no process is refused', () => {
    expect(() => endWith({} as ChildProcess, {})).toThrow(/^Expected `child` to be a ChildProcess/);
  });

  it.each<[unknown, RegExp]>([
    ['1', /^Expected `maxBuffer` to be a number of bytes, 0 or more, got '1'/],
    [Number.NaN, /^Expected `maxBuffer`/],
    [-1, /^Expected `maxBuffer`/],
  ])('a limit of %o is refused', async (maxBuffer, message) => {
    await expect(execFile(NODE, [], { maxBuffer: maxBuffer as number })).rejects.toThrow(message);
  });

  it('options in the place of arguments, and none at all, are refused', async () => {
    const { token } = new CancellationSource();
    const message = 'Expected `args` to be an array of strings, got an object of Object class. Options come third.';
    expect(() => spawn(NODE, { token } as never)).toThrow(message);
    await expect(execFile(NODE, { token } as never)).rejects.toThrow(message);
    expect(() => spawn(NODE, [], null as never)).toThrow('Expected `options` to be an object, got null.');
    expect(() => endWith(plain(NODE, ['-e', '0']), null as never)).toThrow('Expected `options`');
    await expect(execFile(NODE, [], null as never)).rejects.toThrow('Expected `options`');
  });
});
