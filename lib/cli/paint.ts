import { styleText } from 'node:util';
import type { CancelReason } from '../core/index.ts';

export type Style = 'bold' | 'dim' | 'red' | 'green' | 'yellow' | 'blueBright' | 'magenta' | 'cyan';

/** Gives a text its colour, or leaves it as it is. */
export type Paint = (style: Style, text: string) => string;

/** Colour on a terminal, none in a pipe; NO_COLOR and FORCE_COLOR have the last word. Node sees to all of that. */
export const paint: Paint = (style, text) => (text === '' ? '' : styleText(style, text));

const colours: Readonly<Record<CancelReason, Style>> = {
  CANCELLED: 'yellow',
  PEER_CLOSED: 'blueBright',
  TIMEOUT: 'magenta',
  SHUTDOWN: 'cyan',
};

/** The colour of a reason, and the one in its place where there is none. */
export function colourOf(reason: CancelReason | null, otherwise: Style): Style {
  return reason === null ? otherwise : colours[reason];
}
