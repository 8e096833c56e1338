import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setImmediate } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { CancellationSource } from '../../lib/core/index.ts';
import { benchNow, type HopReport, reporterTo, witness } from '../../lib/measure/contract.ts';
import { hopsOf, readReports, visitWith } from '../../lib/measure/own-reports.ts';

/** A cancel goes out in one, and what it ends tells so in the next. */
async function afterTwoTurns(): Promise<void> {
  await setImmediate();
  await setImmediate();
}

describe('a witness', () => {
  const events = (reports: readonly HopReport[]) => reports.map(({ event }) => event);

  it('tells that a call has arrived, was cancelled and has stopped, each two turns after it happened', async () => {
    const reports: HopReport[] = [];
    const source = new CancellationSource();
    const before = benchNow();
    const stopped = witness('1', source.token, (report) => reports.push(report), 'B');
    source.cancel();
    stopped();
    await setImmediate();
    expect(reports).toEqual([]);
    await setImmediate();
    expect(events(reports)).toEqual(['arrived', 'cancelled', 'stopped']);
    for (const { call, hop, at } of reports) {
      expect({ call, hop }).toEqual({ call: '1', hop: 'B' });
      expect(at).toBeGreaterThanOrEqual(before);
      expect(at).toBeLessThanOrEqual(benchNow());
    }
  });

  it('takes an AbortSignal as well', async () => {
    const reports: HopReport[] = [];
    const controller = new AbortController();
    witness('1', controller.signal, (report) => reports.push(report));
    controller.abort();
    await afterTwoTurns();
    expect(events(reports)).toEqual(['arrived', 'cancelled']);
  });

  it('tells of a call that nobody is to cancel nothing but a cancel', async () => {
    const reports: HopReport[] = [];
    const source = new CancellationSource();
    witness('spared-1', source.token, (report) => reports.push(report))();
    await afterTwoTurns();
    expect(reports).toEqual([]);
    source.cancel();
    await afterTwoTurns();
    expect(events(reports)).toEqual(['cancelled']);
  });

  it('tells nothing of a call that is not of the benchmark', async () => {
    const reports: HopReport[] = [];
    const { signal } = new AbortController();
    for (const call of [null, undefined]) witness(call, signal, (report) => reports.push(report))();
    await afterTwoTurns();
    expect(reports).toEqual([]);
  });

  it('refuses what tells of no cancel', () => {
    expect(() => witness('1', 'soon' as never, () => {})).toThrow('cancelled');
  });
});

describe('a reporter', () => {
  it('POSTs each report as JSON', async () => {
    const server = createServer();
    const got = once(server, 'request');
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    reporterTo(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`)({ call: '1', event: 'arrived' });
    const [request, response] = await got;
    expect({ method: request.method, body: JSON.parse(await text(request)) }).toEqual({
      method: 'POST',
      body: { call: '1', event: 'arrived' },
    });
    response.writeHead(204).end();
    server.close();
  });

  it('is silent where there is no benchmark', () => {
    expect(() => reporterTo(undefined)({ call: '1', event: 'arrived' })).not.toThrow();
  });
});

describe('reports', () => {
  it('are read one by one and by the list, and dated where they are not', () => {
    expect(readReports({ call: '1', event: 'stopped', at: 5, hop: 'B' })).toEqual([
      { call: '1', event: 'stopped', at: 5, hop: 'B' },
    ]);
    const [dated] = readReports([{ call: '1', event: 'arrived' }]);
    expect(dated?.at).toBeLessThanOrEqual(benchNow());
  });

  it.each([[{ call: '1', event: 'begun' }], [{ event: 'arrived' }], ['arrived'], [null]])('%j is none', (value) => {
    expect(() => readReports(value)).toThrow(/^Expected a report \{ call, event: .*, got /);
  });

  it('come together to visits in whatever order', () => {
    const stopped = visitWith(undefined, 'B', { call: '1', event: 'stopped', at: 3 });
    const heard = visitWith(stopped, 'B', { call: '1', event: 'cancelled', at: 2 });
    expect(heard).toMatchObject({ hop: 'B', call: '1', reason: 'CANCELLED', heardAt: 2, stoppedAt: 3 });
    expect(visitWith(heard, 'B', { call: '1', event: 'arrived', at: 1 })).toMatchObject({ heardAt: 2, arrivedAt: 1 });
  });
});

describe('what `start` returns', () => {
  const call = async () => {};

  it('names its hops, or has one', () => {
    expect(hopsOf({ call }, 'x.mjs')).toEqual(['last']);
    expect(hopsOf({ call, hops: ['a', 'b'] }, 'x.mjs')).toEqual(['a', 'b']);
  });

  it.each([
    [undefined, 'Expected `start` of x.mjs to return { call, end?, hops? }, got undefined.'],
    [{ end: call }, 'Expected `start` of x.mjs to return { call, end?, hops? }, got { end }.'],
    [{ call, hops: [] }, 'Expected `hops` of x.mjs to be a list of names, got [].'],
    [{ call, hops: 'ab' }, 'Expected `hops` of x.mjs to be a list of names, got "ab".'],
  ])('is refused when it is %o', (value, sentence) => {
    expect(() => hopsOf(value as never, 'x.mjs')).toThrow(sentence);
  });
});
