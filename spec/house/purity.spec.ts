import { builtinModules } from 'node:module';
import ts from 'typescript';
import { describe, expect, it } from 'vitest';
import { rooms } from './floors.ts';
import { lib, parse, read, type Source, walk } from './sources.ts';

const nodeGlobals = new Set(['Buffer', 'NodeJS', '__dirname', '__filename', 'global', 'process', 'require']);

/** What a file names of Node: its modules, its globals and its types. */
function nodeNames({ path, tree, imports }: Source): string[] {
  const found = imports
    .map(({ specifier }) => specifier)
    .filter((specifier) => specifier.startsWith('node:') || builtinModules.includes(specifier));
  walk(tree, (node) => {
    if (ts.isIdentifier(node) && nodeGlobals.has(node.text) && !isPropertyName(node)) found.push(node.text);
  });
  return found.map((name) => `${path} names ${name}`);
}

/** `queue.process` and `{ process: 1 }` are anybody's, and who asks `globalThis` has to live with any answer; `process` is Node's. */
function isPropertyName(node: ts.Identifier): boolean {
  const { parent } = node;
  const member = ts.isClassElement(parent) || ts.isTypeElement(parent) || ts.isPropertyAssignment(parent);
  return (member || ts.isPropertyAccessExpression(parent)) && parent.name === node;
}

const portable = lib.filter((source) => rooms[source.room]?.portable);

describe('a portable room', () => {
  it('sees portable rooms only', () => {
    const seen = Object.values(rooms).flatMap((room) => (room.portable ? room.sees : []));
    expect(seen.filter((name) => !rooms[name]?.portable)).toEqual([]);
  });

  it('names nothing of Node, so that it runs in a browser', () => {
    expect(portable.flatMap(nodeNames)).toEqual([]);
  });

  it('is compiled without the types of Node, by `npm run check`', () => {
    const { include } = JSON.parse(read('spec/tsconfig.portable.json'));
    const roots = portable.map(({ path }) => `../${path.split('/', 2).join('/')}`);
    expect(roots.filter((root) => !include.includes(root))).toEqual([]);
  });

  it.each([
    ["import { setTimeout } from 'node:timers'"],
    ["import type { Socket } from 'net'"],
    ["export type { Socket } from 'node:net'"],
    ["let socket: import('node:net').Socket"],
    ['const bytes = Buffer.alloc(1)'],
    ['process.emitWarning(text)'],
    ['let timer: NodeJS.Timeout'],
    ["const net = require('./net.cjs')"],
    ['start({ process })'],
  ])('may not hold `%s`', (text) => {
    expect(nodeNames(parse('lib/core/a.ts', text))).not.toEqual([]);
  });

  it('may call its own things process', () => {
    const text = 'class Queue { process() { this.process({ process: 1 }) } }';
    expect(nodeNames(parse('lib/core/a.ts', text))).toEqual([]);
  });
});
