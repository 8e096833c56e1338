import { all, call, race, run, suspend } from 'effection';
import { each, once, type Peer } from './peer.ts';

const ten = Array.from({ length: 10 });

export const peer: Peer = {
  run: () => each(() => run(() => call(once))),
  fork: () => each(() => run(() => call(once)).halt()),
  cancel: () => each(() => run(() => suspend()).halt()),
  any: () => each(() => run(() => race([suspend(), call(once), suspend()]))),
  all: () => each(() => run(() => all(ten.map(() => call(once))))),
};
