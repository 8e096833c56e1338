import { fastifyFramework } from './fastify.ts';
import type { Framework } from './framework.ts';
import { expressFramework, koaFramework, nestFramework, nodeHttp } from './node.ts';
import { trpcFramework } from './trpc.ts';
import { honoFramework, nextFunction } from './web.ts';
import { yogaFramework } from './yoga.ts';

export const FRAMEWORKS: readonly Framework[] = [
  nodeHttp,
  expressFramework,
  fastifyFramework,
  koaFramework,
  honoFramework,
  trpcFramework,
  yogaFramework,
  nestFramework,
  nextFunction,
];
