import { type ChildProcess, spawn } from 'node:child_process';

/** A process that passes bytes on, and may be killed: to the server it looks as if the client's process had been. */
export interface Relay {
  readonly port: number;
  /** SIGKILL: the process can say nothing, its sockets are closed by the kernel. */
  kill(): void;
}

const SCRIPT = `
const net = require('node:net');
net.createServer((near) => {
  const far = net.connect(Number(process.argv[1]), '127.0.0.1');
  near.pipe(far).pipe(near);
  near.on('error', () => far.destroy());
  far.on('error', () => near.destroy());
}).listen(0, '127.0.0.1', function () { process.stdout.write(String(this.address().port)); });
`;

export async function relay(target: number): Promise<Relay> {
  const child: ChildProcess = spawn(process.execPath, ['-e', SCRIPT, String(target)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const port = await new Promise<number>((resolve, reject) => {
    child.stdout?.once('data', (chunk) => resolve(Number(chunk)));
    child.once('exit', () => reject(new Error('The relay ended before it listened.')));
  });
  return { port, kill: () => void child.kill('SIGKILL') };
}
