import type { HealthOptions } from '../options.ts';

/** What tests can wait for. */
export const QUICK_LIMITS: HealthOptions = { storeMaxAgeMs: 200, storeCacheMs: 20, storeTimeoutMs: 150 };
