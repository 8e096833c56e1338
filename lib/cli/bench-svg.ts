// A run as a picture: for each hop how its latencies are distributed, on one logarithmic axis. One file for light and dark pages.
import { axisOf, bins, type LogAxis, place, quantilesOf, type Row, rowsOf, ticks } from '../measure/index.ts';
import { heading, type Judged } from './bench-report.ts';
import { duration } from './timeline.ts';

const WIDTH = 860;
const LEFT = 120;
const RIGHT = 190;
const TOP = 84;
const ROW = 54;
/** How high a curve stands at its peak; more than a row, so that they overlap a little. */
const PEAK = 58;
const BINS = 90;

const STYLE = `
  text { font: 13px system-ui, sans-serif; fill: #212529 }
  .title { font-size: 16px; font-weight: 600 }
  .soft { fill: #6c757d; font-size: 12px }
  .figure { font-variant-numeric: tabular-nums }
  line { stroke: #dee2e6 }
  path { fill: #1971c2; fill-opacity: .35; stroke: #1971c2; stroke-width: 1.5 }
  path.floor { fill: #868e96; stroke: #868e96 }
  line.p50 { stroke: #1971c2; stroke-width: 2 }
  line.p50.floor { stroke: #868e96 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e9ecef } .soft { fill: #adb5bd } line { stroke: #343a40 }
    path { fill: #4dabf7; stroke: #4dabf7 } line.p50 { stroke: #4dabf7 }
  }`;

/** @returns a whole SVG document */
export function plot(run: Judged): string {
  const rows = rowsOf(run.seen, run.floor);
  const axis = axisOf(rows);
  const height = TOP + rows.length * ROW + 16;
  const title = "From the caller's cancel until each hop has heard";
  const parts = [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${WIDTH}" height="${height}" viewBox="0 0 ${WIDTH} ${height}" role="img">`,
    `<title>${title}: ${escaped(heading(run))}</title>`,
    `<style>${STYLE}\n</style>`,
    `<text class="title" x="16" y="26">${title}</text>`,
    `<text class="soft" x="16" y="46">${escaped(`${heading(run)}; ${run.setting.node}, ${run.setting.machine}`)}</text>`,
    ...(axis === undefined ? [] : drawn(rows, axis, height)),
    '</svg>',
  ];
  return `${parts.join('\n')}\n`;
}

function drawn(rows: readonly Row[], axis: LogAxis, height: number): string[] {
  return [
    ...ticks(axis).map((ms) => tick(duration(ms), x(place(axis, ms)), height)),
    `<text class="soft" x="${WIDTH - RIGHT + 24}" y="${TOP - 12}">p50</text>`,
    `<text class="soft" x="${WIDTH - RIGHT + 104}" y="${TOP - 12}">p99</text>`,
    ...rows.flatMap((row, index) => curve(row, axis, TOP + (index + 1) * ROW)),
  ];
}

function curve({ name, figures, floor }: Row, axis: LogAxis, base: number): string[] {
  const label = `<text x="16" y="${base - 4}">${escaped(name)}</text>`;
  const quantiles = quantilesOf(figures);
  if (quantiles === undefined) return [label];
  const counts = smoothed(bins(axis, figures, BINS));
  const most = Math.max(...counts);
  const points = counts.map((count, bin) => {
    return `L${x((bin + 0.5) / BINS)} ${(base - (count / most) * PEAK).toFixed(1)}`;
  });
  const kind = floor ? ' floor' : '';
  const middle = x(place(axis, quantiles.p50));
  const figure = (ms: number, left: number) =>
    `<text class="figure" x="${WIDTH - RIGHT + left}" y="${base - 4}">${duration(ms)}</text>`;
  return [
    `<path class="${kind.trim()}" d="M${x(0)} ${base} ${points.join(' ')} L${x(1)} ${base} Z"/>`,
    `<line class="p50${kind}" x1="${middle}" x2="${middle}" y1="${base - ROW + 8}" y2="${base}"/>`,
    label,
    figure(quantiles.p50, 24),
    figure(quantiles.p99, 104),
  ];
}

/** Each bin with its neighbours: what is between two bins by chance is no gap. */
function smoothed(counts: readonly number[]): number[] {
  const at = (bin: number) => counts[bin] ?? 0;
  return counts.map((count, bin) => (at(bin - 1) + 2 * count + at(bin + 1)) / 4);
}

function tick(text: string, at: string, height: number): string {
  const line = `<line x1="${at}" x2="${at}" y1="${TOP - 4}" y2="${height - 12}"/>`;
  return `${line}<text class="soft" x="${at}" y="${TOP - 12}" text-anchor="middle">${text}</text>`;
}

function x(part: number): string {
  return (LEFT + part * (WIDTH - LEFT - RIGHT)).toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
