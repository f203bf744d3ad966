import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    name: 'health',
    include: ['src/**/*.test.ts'],
    globalSetup: 'src/testing/build-fixtures.ts',
    // A process for many files: opening an embedded engine takes longer than most tests run.
    isolate: false,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    typecheck: { enabled: true, include: ['src/**/*.test-d.ts'], tsconfig: 'tsconfig.test.json', ignoreSourceErrors: true },
  },
});
