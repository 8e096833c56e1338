import type { Subject } from '../harness.ts';
import type { Peer } from '../peers/peer.ts';

/** Makes a case's work out of what an implementation can do. */
export type Make = <S, T, C, R>(peer: Peer<S, T, C, R>) => Subject;
