import { execFileSync } from 'node:child_process';

/** Builds `dist` once a run: the specs of the doors, the CLI and the docs use the package as it is published. */
export default function build(): void {
  execFileSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
}
