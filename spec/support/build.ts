import { spawnSync } from 'node:child_process';

/**
 * Builds `dist` once a run: the specs of the doors, the CLI and the docs use the package as it is published. Type errors
 * stop the run in CI only; while somebody works, specs run against what was emitted and `npm run check` tells the types.
 */
export default function build(): void {
  const { status } = spawnSync('npm', ['run', '--silent', 'build'], { stdio: 'inherit' });
  if (status !== 0 && process.env.CI) throw new Error('The build failed: see the errors above.');
}
