// A run as a picture: a row for each case, a dot for each implementation, on a logarithmic axis. One file for light and dark
// pages.
import { axis } from './axis.ts';
import type { Case, Figure, Results, Suite } from './harness.ts';
import { spread } from './verdict.ts';

export const WIDTH = 960;
const LEFT = 390;
const RIGHT = 40;
const TOP = 76;
const ROW = 26;
const COLOURS = ['#d6336c', '#1971c2', '#0c8599', '#e8890c', '#2f9e44', '#7048e8', '#868e96'];

export const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #212529 }
  .soft { fill: #868e96; font-size: 12px }
  line { stroke: #dee2e6 }
  @media (prefers-color-scheme: dark) { text { fill: #e9ecef } .soft { fill: #868e96 } line { stroke: #343a40 } }`;

/** Of the cases in the unit of the first; those who failed stand at the right edge. */
export function plot(suite: Suite, run: Results): string {
  const measured = suite.cases.filter(({ id }) => run.figures[id] !== undefined);
  const unit = measured[0]?.unit ?? 'ns';
  const cases = measured.filter((one) => one.unit === unit);
  const { part, ticks } = axis(
    unit,
    cases.flatMap((one) => medians(one, run)),
  );
  const x = (figure: number): number => Math.round(LEFT + part(figure) * (WIDTH - LEFT - RIGHT));
  const height = TOP + cases.length * ROW + 16;
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}">`,
    `<title>${escaped(suite.title)} on Node ${run.node}, ${unit === '/s' ? 'more' : 'less'} is better</title>`,
    `<style>${STYLE}\n</style>`,
    ...legend(suite),
    ...ticks.map(({ text, at }) => tick(text, x(at), height)),
    ...cases.flatMap(({ id, title }, row) => {
      const y = TOP + row * ROW + ROW / 2;
      const label = `<text x="${LEFT - 16}" y="${y + 4}" text-anchor="end">${escaped(title)}</text>`;
      return [label, ...dots(suite, run.figures[id] ?? {}, x, y)];
    }),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function medians({ id }: Case, { figures }: Results): number[] {
  return Object.values(figures[id] ?? {}).flatMap((figure) =>
    'failed' in figure ? [] : [spread(figure.rounds).median],
  );
}

function tick(text: string, at: number, height: number): string {
  const line = `<line x1="${at}" x2="${at}" y1="${TOP - 8}" y2="${height - 12}"/>`;
  return `${line}<text class="soft" x="${at}" y="${TOP - 16}" text-anchor="middle">${text}</text>`;
}

export function legend({ implementations }: Suite): string[] {
  const step = (WIDTH - 24) / implementations.length;
  return implementations.map(({ name }, i) => {
    const left = Math.round(24 + i * step);
    return `${mark(i, left, 20)}<text x="${left + 12}" y="24">${escaped(name)}</text>`;
  });
}

/** Ours last, so that it lies on top of the others. */
function dots(
  { implementations }: Suite,
  figures: Readonly<Record<string, Figure>>,
  x: (figure: number) => number,
  y: number,
): string[] {
  const found = implementations.flatMap(({ name }, i) => {
    const figure = figures[name];
    if (figure === undefined) return [];
    if (!('failed' in figure)) return [mark(i, x(spread(figure.rounds).median), y)];
    return [`<text x="${WIDTH - RIGHT + 8 + i * 4}" y="${y + 4}" style="fill:${COLOURS[i]}">×</text>`];
  });
  return found.reverse();
}

export function mark(i: number, cx: number, cy: number, r = i === 0 ? 7 : 5): string {
  return `<circle cx="${cx}" cy="${cy}" r="${r}" fill="${colour(i)}"/>`;
}

export function colour(i: number): string {
  return COLOURS[i % COLOURS.length] as string;
}

export function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
