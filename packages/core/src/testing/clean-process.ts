import { afterAll, vi } from 'vitest';

// Files share a process: what one has pretended is over when it ends.
afterAll(() => {
  vi.useRealTimers();
  vi.restoreAllMocks();
  vi.unstubAllEnvs();
});
