import { styleText } from 'node:util';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blue' | 'magenta' | 'cyan';

/** Gives a text its colour, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Colour on a terminal, none in a pipe; NO_COLOR and FORCE_COLOR have the last word. Node sees to all of that. */
export const paint: Paint = (style, text) => (text === '' ? '' : styleText(style, text));

const colours: Readonly<Record<string, Style>> = {
  CANCELLED: 'yellow',
  TIMEOUT: 'blue',
  PEER_CLOSED: 'magenta',
  SHUTDOWN: 'cyan',
};

/** The colour of a reason; what is none is dim. */
export function colourOf(reason: string | null): Style {
  return colours[reason ?? ''] ?? 'dim';
}
