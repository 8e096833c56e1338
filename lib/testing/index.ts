export { type FakeClock, fakeClock } from './fake-clock.ts';
export { expectNoLeaks } from './leaks.ts';
export { type CancellationMatchers, matchers, type Verdict } from './matchers.ts';
