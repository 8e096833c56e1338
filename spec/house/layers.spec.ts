import { posix } from 'node:path';
import { describe, expect, it } from 'vitest';
import { rooms } from './floors.ts';
import { COMPUTED, type Import, lib, parse, read, roomOf, type Source } from './sources.ts';

const exported: { default?: string }[] = Object.values(JSON.parse(read('package.json')).exports);
const publicFiles = new Set(exported.map((door) => door.default?.replace(/^\.\/dist\/(.*)\.js$/, 'lib/$1.ts')));

function isDoor(path: string): boolean {
  const room = roomOf(path);
  return path === `lib/${room}.ts` || path === `lib/${room}/index.ts` || publicFiles.has(path);
}

/** Why an import is against the plan; undefined when it is not. */
function trespass(source: Source, { specifier, typeOnly }: Import): string | undefined {
  const room = rooms[source.room];
  if (room === undefined) return `${source.path} stands in no room of spec/house/floors.ts`;
  if (specifier.startsWith('node:')) return undefined; // purity.spec.ts
  if (specifier === COMPUTED && room.loads === source.path) return undefined;
  if (!specifier.startsWith('.')) {
    const allowed = room.packages === 'types' ? typeOnly : room.packages?.includes(packageOf(specifier));
    return allowed ? undefined : `${source.path} imports the package ${specifier}`;
  }
  const target = posix.join(posix.dirname(source.path), specifier);
  if (!target.startsWith('lib/')) return `${source.path} leaves lib/ for ${target}`;
  if (roomOf(target) === source.room) return outOfOrder(source, target);
  if (!room.sees.includes(roomOf(target))) return `${source.path} may not see ${roomOf(target)}`;
  return isDoor(target) ? undefined : `${source.path} passes by the door of ${roomOf(target)} to ${target}`;
}

/** `zod/mini` is of the package `zod`, `@scope/name/part` of `@scope/name`. */
function packageOf(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
}

function outOfOrder(source: Source, target: string): string | undefined {
  if (rooms[source.room]?.apart) return `${source.path} imports ${target}, of its own room`;
  const order = planned(source.room);
  return order.indexOf(target) < order.indexOf(source.path)
    ? undefined
    : `${source.path} imports ${target}, which does not stand below it`;
}

function planned(room: string): string[] {
  return (rooms[room]?.order ?? '').split(' ').flatMap((name) => (name === '' ? [] : `lib/${room}/${name}.ts`));
}

describe('the plan', () => {
  it('lets every room see lower floors only, so that neighbours are blind to each other', () => {
    for (const [name, room] of Object.entries(rooms)) {
      const level = room.sees.filter((seen) => !(rooms[seen] && rooms[seen].floor < room.floor));
      expect(level, `rooms beside or above ${name}`).toEqual([]);
    }
  });

  it.each(Object.keys(rooms).filter((room) => !rooms[room]?.apart))('has a place for every file of %s', (room) => {
    const standing = lib.map((source) => source.path).filter((path) => path.startsWith(`lib/${room}/`));
    expect(
      standing.filter((path) => !planned(room).includes(path)),
      'not in the order of the room',
    ).toEqual([]);
    expect(
      planned(room).filter((path) => !standing.includes(path)),
      'not in the room',
    ).toEqual([]);
  });
});

describe('the house', () => {
  it('stands as planned: imports, of types too, go down, through doors, and in a room to files below', () => {
    expect(lib.flatMap((source) => source.imports.map((found) => trespass(source, found)).filter(Boolean))).toEqual([]);
  });

  it.each([
    ['a storey up', 'lib/core/a.ts', "import { run } from '../task/index.ts'"],
    ['a storey up for a type', 'lib/core/a.ts', "import type { Task } from '../task/index.ts'"],
    ['a storey up inside a type', 'lib/core/a.ts', "let a: import('../task/index.ts').Task"],
    ['a storey up by re-export', 'lib/core/a.ts', "export { run } from '../task/index.ts'"],
    ['a storey up at run time', 'lib/core/a.ts', "await import('../task/index.ts')"],
    ['a neighbour', 'lib/task/a.ts', "import { httpOfCode } from '../wire/index.ts'"],
    ['an inner file of a room below', 'lib/server/a.ts', "import { Node } from '../core/node.ts'"],
    ['a package', 'lib/core/a.ts', "import { z } from 'zod'"],
    ['a part of a package', 'lib/core/a.ts', "import { z } from 'zod/mini'"],
    ['a module of Node without its prefix', 'lib/server/a.ts', "import { Server } from 'net'"],
    ['a framework by more than a type', 'lib/adapters/express.ts', "import { type Request } from 'express'"],
    ['another adapter', 'lib/adapters/express.ts', "import { a } from './node-http.ts'"],
    ['the published package', 'lib/server/a.ts', "import { run } from 'nevermind'"],
    ['what lies outside lib/', 'lib/core/a.ts', "import { lib } from '../../spec/house/sources.ts'"],
    ['a name that is computed', 'lib/core/a.ts', "await import('../task/' + name)"],
    ['a file that has no place in the order', 'lib/core/a.ts', "import { b } from './b.ts'"],
    ['anything, from a room that is not in the plan', 'lib/attic/a.ts', "import { run } from '../task/index.ts'"],
  ])('refuses %s', (_, path, text) => {
    const source = parse(path, text);
    expect(source.imports.map((found) => trespass(source, found))).toEqual([expect.any(String)]);
  });
});
