import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'core',
    include: ['src/**/*.test.ts'],
    globalSetup: 'src/testing/build-fixtures.ts',
    // A process for many files: loading BullMQ, zod and PGlite's WebAssembly anew for each of them takes longer than most of them run.
    isolate: false,
    setupFiles: 'src/testing/clean-process.ts',
    // Generous: two cores may be busy opening several embedded engines.
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: true, include: ['src/**/*.test-d.ts'], tsconfig: 'tsconfig.test.json', ignoreSourceErrors: true },
  },
});
