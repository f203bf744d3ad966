import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    // More than the two cores of CI: many tests wait for a process to start or a lock to end.
    maxWorkers: 4,
    projects: ['packages/*', 'testing/*'],
    coverage: { provider: 'v8', include: ['packages/*/src/**/*.ts'], exclude: ['**/*.contract.ts'] },
  },
});
