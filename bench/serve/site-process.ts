// A process that serves: node site-process.js <module of sites/> <protocol> [tells]. It counts what its handlers tell, or passes it on.
import { provide } from '../load/provide.ts';
import type { Desk, Protocol, Site } from './site.ts';

const [module, protocol, tells] = process.argv.slice(2) as [string, Protocol, string | undefined];

let held = 0;
const count: Desk = {
  held() {
    held++;
  },
  left() {},
};
const tell: Desk = {
  held: () => void process.send?.('held'),
  // The clock of all processes of the machine.
  left: () => void process.send?.(Number(process.hrtime.bigint())),
};
const { start }: Site = await import(`./sites/${module}.js`);
await provide(start(protocol, tells === undefined ? count : tell), () => held);
