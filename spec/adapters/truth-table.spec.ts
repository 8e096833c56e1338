// The truth table of the server, for every adapter: the token that it gives is as right as that of `serve`.
import { describe } from 'vitest';
import { truthTable } from '../server/support/truth-table.ts';
import { scale } from '../support/soak.ts';
import { FRAMEWORKS } from './support/servers/all.ts';
import { serving } from './support/servers/serving.ts';

describe.each(FRAMEWORKS)('S3-05, S3-06: $name', (framework) => {
  truthTable({
    ...framework,
    // The third speaks the language of the second.
    protocols: framework.protocols.filter((protocol) => scale > 1 || protocol !== 'h2 over TLS'),
    start: (protocol) => serving(framework, protocol),
    queuesLater: true,
    spareProcesses: scale === 1,
  });
});
