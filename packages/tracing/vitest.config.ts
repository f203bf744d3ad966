import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'tracing',
    include: ['src/**/*.test.ts'],
    // A process for many files: opening an embedded engine takes longer than most tests run.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
});
