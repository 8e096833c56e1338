import { describe, expect, it } from 'vitest';
import {
  CancellationSource,
  CancellationToken,
  currentToken,
  runAsCurrent,
  setCurrentToken,
} from '../../lib/core/index.ts';

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

  it('runs a call under a token once somebody fills the slot with a way to, and until then just calls', () => {
    const { token } = new CancellationSource();
    expect(runAsCurrent(token, () => currentToken())).toBe(CancellationToken.none);
    let held = CancellationToken.none;
    const restore = setCurrentToken(
      () => held,
      (next, fn) => {
        const before = held;
        held = next;
        try {
          return fn();
        } finally {
          held = before;
        }
      },
    );
    expect(runAsCurrent(token, () => currentToken())).toBe(token);
    expect(currentToken()).toBe(CancellationToken.none);
    restore();
    expect(runAsCurrent(token, () => currentToken())).toBe(CancellationToken.none);
  });
});
