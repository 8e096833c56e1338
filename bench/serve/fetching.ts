// What a call of fetch costs whoever makes it, with and without createFetch around it.
import { CancellationSource } from 'nevermind/core';
import { createFetch } from 'nevermind/fetch';
import type { Experiment } from '../harness.ts';
import { Service } from '../load/service.ts';
import { PATH } from './site.ts';

const PROGRAM = new URL('./site-process.js', import.meta.url);
const WIDTH = 16;
const WARM_UP_ROUNDS = 10;

/** What a call is made with: fetch alone, which nothing can cancel, fetch with a signal of the call's own, or createFetch with a token. */
export type Way = 'alone' | 'signal' | 'createFetch';

function senderOf(way: Way): (url: string) => Promise<Response> {
  if (way === 'alone') return (url) => fetch(url);
  if (way === 'signal') return (url) => fetch(url, { signal: new AbortController().signal });
  return createFetch({ token: new CancellationSource().token });
}

/** This process's time for a call, in microseconds. */
export async function fetching(way: Way): Promise<Experiment> {
  const service = await Service.start(PROGRAM, ['node', 'http1']);
  const url = `http://127.0.0.1:${service.port}${PATH}`;
  const send = senderOf(way);
  async function round(ms: number): Promise<number> {
    const end = performance.now() + ms;
    const { user, system } = process.cpuUsage();
    let calls = 0;
    const lane = async () => {
      do {
        await (await send(url)).text();
        calls++;
      } while (performance.now() < end);
    };
    await Promise.all(Array.from({ length: WIDTH }, lane));
    const after = process.cpuUsage();
    return (after.user + after.system - user - system) / calls;
  }
  let warm = false;
  return {
    async measure({ roundMs }) {
      for (let i = 0; i < WARM_UP_ROUNDS && !warm; i++) await round(roundMs);
      warm = true;
      return await round(roundMs);
    },
    close: () => service.end(),
  };
}
