export { type Caller, Chain, ChainLost, type ChainOptions, type Hop } from './chain.ts';
export { Board } from './board.ts';
export type { CallOrder, CallState } from './messages.ts';
export { type Outcome, sharedNow, type Visit } from './visit.ts';
export { Greeter } from './greeter.ts';
export { measurePropagation, type Propagation, type PropagationOptions } from './propagation.ts';
export type { Quantiles } from './quantiles.ts';
