import { describe, expect, it } from 'vitest';
import { Inflow } from '../../lib/wire/index.ts';

const a = Uint8Array.of(1);
const b = Uint8Array.of(2);

function flowing() {
  const log: string[] = [];
  const inflow = new Inflow({
    pause: () => void log.push('pause'),
    resume: () => void log.push('resume'),
    left: () => void log.push('left'),
  });
  return { inflow, log };
}

const done = { done: true, value: undefined };

describe('an inflow', () => {
  it('opens its tap only for a reader who waits', async () => {
    const { inflow, log } = flowing();
    expect(log).toEqual([]);
    const first = inflow.next();
    expect(log).toEqual(['resume']);
    inflow.push(a);
    expect(log).toEqual(['resume', 'pause']);
    expect(await first).toEqual({ done: false, value: a });
  });

  it('keeps what came unasked, in order, and then ends', async () => {
    const { inflow, log } = flowing();
    inflow.push(a);
    inflow.push(b);
    inflow.end();
    expect([await inflow.next(), await inflow.next(), await inflow.next()]).toEqual([
      { done: false, value: a },
      { done: false, value: b },
      done,
    ]);
    expect(log).not.toContain('resume');
  });

  it('fails at once, pending or not, before what was kept', async () => {
    const { inflow } = flowing();
    inflow.push(a);
    inflow.fail(new Error('cut'));
    inflow.end();
    await expect(inflow.next()).rejects.toThrow('cut');
    const { inflow: other } = flowing();
    const pending = other.next();
    other.fail(new Error('cut'));
    await expect(pending).rejects.toThrow('cut');
  });

  it('does not fail once it has ended', async () => {
    const { inflow } = flowing();
    inflow.push(a);
    inflow.end();
    inflow.fail(new Error('late'));
    expect((await inflow.next()).value).toBe(a);
    expect(await inflow.next()).toEqual(done);
  });

  it('tells the tap that its reader has left, once, and not after the end', async () => {
    const { inflow, log } = flowing();
    const pending = inflow.next();
    expect(await inflow.return()).toEqual(done);
    expect(await pending).toEqual(done);
    await inflow.return();
    inflow.push(a);
    expect(await inflow.next()).toEqual(done);
    expect(log).toEqual(['resume', 'left']);
    const { inflow: ended, log: quiet } = flowing();
    ended.end();
    await ended.return();
    expect(quiet).toEqual([]);
  });
});
