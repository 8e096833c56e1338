// docs/guide/adopting.md: its steps are those of docs/examples/adopting, and what each of them stops is measured.
import { spawnSync } from 'node:child_process';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { read, root } from '../house/sources.ts';
import { RunningService, SHOPS, World } from './adopting-world.ts';
import { blocksOf } from './examples.ts';

vi.setConfig({ testTimeout: 120_000 });

const page = 'docs/guide/adopting.md';
const text = read(page);
const SERVICES = [0, 1, 2, 3, 4, 5];

describe('the steps of the guide', () => {
  /** The files between which a block stands, and its hunks: lines that begin with a blank, a minus or a plus. */
  const steps = blocksOf(page, text)
    .filter(({ info }) => info === 'diff')
    .map(({ code }) => {
      const [from, to, ...lines] = code.split('\n');
      const hunks = lines.join('\n').split('\n@@\n');
      const side = (hunk: string, without: string) =>
        hunk
          .split('\n')
          .filter((line) => !line.startsWith(without))
          .map((line) => `${line.slice(1)}\n`)
          .join('');
      const changes = hunks.map((hunk) => [side(hunk, '+'), side(hunk, '-')] as const);
      return { from: from!.replace('--- ', ''), to: to!.replace('+++ ', ''), changes };
    });
  const file = (name: string) => read(`docs/examples/adopting/${name}`);

  it('lead from one service to the next', () => {
    const made = steps.filter(({ to }) => to.startsWith('service-')).map(({ from, to }) => [from, to]);
    expect(made).toEqual(SERVICES.slice(1).map((n) => [`service-${n - 1}.mjs`, `service-${n}.mjs`]));
  });

  it.each(steps)('make $to of $from, line by line', ({ from, to, changes }) => {
    let made = file(from);
    for (const [before, after] of changes) {
      expect(made.split(before)).toHaveLength(2);
      made = made.replace(before, () => after);
    }
    expect(made).toBe(file(to));
  });
});

/** The rows of the guide's table, without their heads: a cell for each service. */
const rows = text
  .split('\n')
  .filter((line) => line.startsWith('|'))
  .map((line) =>
    line
      .split('|')
      .slice(2, -1)
      .map((cell) => cell.trim()),
  );

/** So often one looks before one believes that something won't happen; each look is a round trip to the service. */
const LOOKS = 20;

let world: World;
beforeAll(async () => {
  world = await World.open();
});
afterAll(() => world[Symbol.asyncDispose]());

describe.each(SERVICES)('service-%i, as the guide says,', (n) => {
  let service: RunningService;
  beforeAll(async () => {
    service = await RunningService.start(n, world);
  });
  afterAll(() => service[Symbol.asyncDispose]());

  const [names, , querying, calling, computing, restarting] = rows.map((cells) => cells[n]!);

  async function until(done: () => boolean | Promise<boolean>): Promise<void> {
    while (!(await done())) await service.steps();
  }

  /** Waits for what shall happen, and looks out for what shall not. */
  async function see(shall: boolean, done: () => boolean | Promise<boolean>): Promise<void> {
    if (shall) return until(done);
    for (let looks = 0; looks < LOOKS; looks++) {
      await service.steps();
      expect(await done()).toBe(false);
    }
  }

  it('has its column, and answers', async () => {
    expect(names).toBe(`service-${n}`);
    expect(await service.ask('small').answer).toEqual({ status: 200, body: { total: 40 } });
  });

  it('does so much for who has left during the query', async () => {
    const before = { calls: world.calls, steps: await service.steps() };
    await world.lock();
    const { leave } = service.ask('small');
    await until(async () => (await world.waiting()) === 1);
    leave();
    await see(!querying!.includes('query'), async () => (await world.waiting()) === 0);
    await world.unlock();
    await see(querying!.includes('calls'), () => world.calls > before.calls);
    await see(querying!.includes('thread'), async () => (await service.steps()) === before.steps + SHOPS.small);
  });

  it('does so much for who has left during the calls', async () => {
    const before = await service.steps();
    world.holding = true;
    const { leave } = service.ask('small');
    await until(() => world.stillHeld === 8);
    // The last of them tells how much time is left.
    for (const { req } of world.held) expect('connect-timeout-ms' in req.headers).toBe(n === 5);
    leave();
    await see(!calling!.includes('calls'), () => world.stillHeld === 0);
    world.answer();
    await see(calling!.includes('thread'), async () => (await service.steps()) === before + SHOPS.small);
  });

  it('does so much for who has left while a thread works', async () => {
    const goesOn = computing!.includes('thread');
    const shop = goesOn ? 'large' : 'endless';
    const before = await service.steps();
    const { leave } = service.ask(shop);
    await until(async () => (await service.steps()) > before);
    leave();
    if (goesOn) return until(async () => (await service.steps()) === before + SHOPS.large);
    let last = await service.steps();
    let still = 0;
    await until(async () => {
      const now = await service.steps();
      still = now === last ? still + 1 : 0;
      last = now;
      return still === LOOKS;
    });
  });

  it('goes down', async () => {
    expect(await service.ask('small').answer).toEqual({ status: 200, body: { total: 40 } });
    await world.lock();
    const { answer } = service.ask('small');
    await until(async () => (await world.waiting()) === 1);
    service.terminate();
    while (await service.listens());
    await world.unlock();
    const heard = await answer;
    expect(heard === 'none' ? 'cut off' : `answered ${heard.status}`).toBe(restarting);
    await service.exited;
  });
});

it('service-5 answers at its deadline, and stops what is under way', async () => {
  await using service = await RunningService.start(5, world, { HANDLER_TIMEOUT_MS: '300' });
  await world.lock();
  expect(await service.ask('small').answer).toMatchObject({ status: 504 });
  while ((await world.waiting()) > 0);
  await world.unlock();
});

describe('the example', () => {
  it('tells what was done, service by service, and leaves nothing behind', () => {
    const args = ['docs/examples/adopting/main.mjs', '5', '--clients', '4'];
    const { status, stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
    expect(stdout).toMatch(/^reports answered +2$/m);
    expect(stdout).toMatch(/^answered in the restart +6 of 6$/m);
    const queries = Number(/^queries to their end +(\d)$/m.exec(stdout)?.[1]);
    expect(queries).toBeGreaterThanOrEqual(2);
    expect(queries).toBeLessThanOrEqual(4);
  });
});
