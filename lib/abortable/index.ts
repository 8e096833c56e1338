export { abortable, all, execute, race, type Starter } from './combine.ts';
export { delay, forever, waitForEvent } from './wait.ts';
export { proactiveRetry, retry } from './retry.ts';
export { type ForkTask, spawn, type SpawnEffects } from './spawn.ts';
