// Curves as a picture: a panel for each, both axes logarithmic, a line for each implementation.
import { axis } from './axis.ts';
import { type Curve, type Point, pointsOf } from './curve.ts';
import type { Results, Suite } from './harness.ts';
import { colour, escaped, legend, mark, STYLE, WIDTH } from './plot.ts';

const COLUMNS = 3;
const PANEL = { width: WIDTH / COLUMNS, height: 250 };
const TOP = 48;
const LEFT = 62;
const RIGHT = 18;
const HEAD = 34;
const FOOT = 44;

export function plotCurves(suite: Suite, run: Results): string {
  const curves = suite.curves ?? [];
  const height = TOP + Math.ceil(curves.length / COLUMNS) * PANEL.height;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    `<title>${escaped(suite.title)} on Node ${run.node}, less is better, flat is best</title>`,
    `<style>${STYLE}\n  polyline { fill: none; stroke-width: 2 }\n</style>`,
    ...legend(suite),
    ...curves.flatMap((curve, at) => {
      const [x, y] = [(at % COLUMNS) * PANEL.width, TOP + Math.floor(at / COLUMNS) * PANEL.height];
      return [`<g transform="translate(${x},${y})">`, ...panel(suite, curve, run), '</g>'];
    }),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function panel(suite: Suite, curve: Curve, run: Results): string[] {
  const lines = suite.implementations.map(({ name }) => pointsOf(suite, curve, run, name));
  const { part, ticks } = axis(
    'ns',
    lines.flatMap((points) => points.map(({ ns }) => ns)),
  );
  const sizes = curve.points.map(({ size }) => size);
  const most = Math.log(sizes.at(-1) ?? 1);
  const x = (size: number): number => Math.round(LEFT + (Math.log(size) / most) * (PANEL.width - LEFT - RIGHT));
  const y = (ns: number): number => Math.round(PANEL.height - FOOT - part(ns) * (PANEL.height - HEAD - FOOT));
  const end = PANEL.width - RIGHT;
  return [
    `<text x="${LEFT}" y="18">${escaped(curve.title)}</text>`,
    ...ticks.map(({ text, at }) => {
      const line = `<line x1="${LEFT}" x2="${end}" y1="${y(at)}" y2="${y(at)}"/>`;
      return `${line}<text class="soft" x="${LEFT - 8}" y="${y(at) + 4}" text-anchor="end">${text}</text>`;
    }),
    ...sizes.map((size) => bottom(short(size), x(size), PANEL.height - FOOT + 18)),
    bottom(escaped(curve.by), (LEFT + end) / 2, PANEL.height - FOOT + 36),
    ...lines.map((points, at) => drawn(points, at, x, y)).reverse(),
  ];
}

function bottom(text: string, x: number, y: number): string {
  return `<text class="soft" x="${x}" y="${y}" text-anchor="middle">${text}</text>`;
}

function drawn(points: readonly Point[], at: number, x: (size: number) => number, y: (ns: number) => number): string {
  const way = points.map(({ size, ns }) => `${x(size)},${y(ns)}`).join(' ');
  const dots = points.map(({ size, ns }) => mark(at, x(size), y(ns), at === 0 ? 4 : 3));
  return points.length === 0 ? '' : `<polyline points="${way}" stroke="${colour(at)}"/>${dots.join('')}`;
}

/** 1,000 as 1k. */
function short(size: number): string {
  if (size >= 1e6) return `${size / 1e6}M`;
  return size >= 1e3 ? `${size / 1e3}k` : String(size);
}
