import { defineConfig } from 'vitest/config';

/** What mutants of lib/core have to get past: the specs of the room, and nothing that they would have to be built for. */
export default defineConfig({
  test: {
    include: ['spec/core/**/*.spec.ts'],
    // A mutant that runs for ever is ended by Stryker.
    testTimeout: 120_000,
  },
});
