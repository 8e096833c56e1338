import { axisOf, type Bench, bins, place, type Row, rowsOf, ticks } from '../measure/index.ts';
import { paint as coloured, type Paint } from './paint.ts';
import { duration } from './timeline.ts';

const EIGHTHS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const;
const NAME = 10;

/** Where the figures of each hop lie, a line for each, on one logarithmic axis. */
export function histogram(
  { seen, floor }: Pick<Bench, 'seen' | 'floor'>,
  columns: number,
  paint: Paint = coloured,
): string[] {
  const rows = rowsOf(seen, floor);
  const axis = axisOf(rows);
  if (axis === undefined) return [];
  const width = Math.min(Math.max(columns - NAME - 4, 20), 72);
  const marks = ticks(axis).map((ms) => ({ at: Math.floor(place(axis, ms) * (width - 1)), text: duration(ms) }));
  return [
    ' '.repeat(NAME) + paint('dim', scale(marks, width)),
    ...rows.map(
      (row) => `${row.name.slice(0, NAME - 1).padEnd(NAME)}${shape(row, bins(axis, row.figures, width), paint)}`,
    ),
  ].map((line) => line.trimEnd());
}

function shape({ floor }: Row, counts: readonly number[], paint: Paint): string {
  const most = Math.max(...counts);
  const line = counts
    .map((count) => (count === 0 ? ' ' : EIGHTHS[Math.ceil((count / most) * EIGHTHS.length) - 1]))
    .join('');
  return paint(floor ? 'dim' : 'cyan', line.trimEnd());
}

/** `╷0.10 ms   ╷1.00 ms`; what would run into the one before it, or over the edge, is left out. */
function scale(marks: readonly { at: number; text: string }[], width: number): string {
  let line = '';
  for (const { at, text } of marks) {
    if (at < line.length + (line === '' ? 0 : 1) || at + 1 + text.length > width) continue;
    line = `${line.padEnd(at)}╷${text}`;
  }
  return line;
}
