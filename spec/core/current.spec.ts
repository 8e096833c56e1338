import { describe, expect, it } from 'vitest';
import { CancellationSource, CancellationToken, currentToken, setCurrentToken } from '../../lib/core/index.ts';

describe('the current token', () => {
  it('is none while nobody fills the slot', () => {
    expect(currentToken()).toBe(CancellationToken.none);
  });

  it('is asked for anew each time, and goes back to what was there', () => {
    const tokens = [new CancellationSource().token, new CancellationSource().token];
    let calls = 0;
    const restore = setCurrentToken(() => tokens[calls++]!);
    expect([currentToken(), currentToken()]).toEqual(tokens);
    const inner = setCurrentToken(() => CancellationToken.cancelled('TIMEOUT'));
    expect(currentToken().reason).toBe('TIMEOUT');
    inner();
    calls = 0;
    expect(currentToken()).toBe(tokens[0]);
    restore();
    expect(currentToken()).toBe(CancellationToken.none);
  });
});
