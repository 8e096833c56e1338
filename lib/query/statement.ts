import { CancellationToken } from '../core/index.ts';

const blank = /^(?:\s|--[^\n]*(?:\n|$)|\/\*[\s\S]*?\*\/)+/;

/**
 * The token that a statement goes under: the given one, but for the ends of a transaction.
 *
 * What undoes work runs under a cancelled token too, as it is for whoever was cancelled to say. What makes work last is let
 * through once it is under way: nobody could tell what a cancel would have left of it.
 */
export function governing(text: string, token: CancellationToken): CancellationToken {
  switch (/^[a-z]+/i.exec(text.replace(blank, ''))?.[0].toUpperCase()) {
    case 'ROLLBACK':
    case 'ABORT':
      return CancellationToken.none;
    case 'COMMIT':
    case 'END':
      return token.cancelled ? token : CancellationToken.none;
    default:
      return token;
  }
}
