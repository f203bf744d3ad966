import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: { name: 'docs', root: '.', include: ['scripts/**/*.test.ts'], testTimeout: 90_000, hookTimeout: 90_000, maxConcurrency: 2 },
});
