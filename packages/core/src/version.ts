import { createRequire } from 'node:module';

/** Of this package, as its package.json says (version.test.ts). */
export const VERSION = '0.1.0';

/** The one that is installed beside it. */
export const BULLMQ_VERSION: string = (createRequire(import.meta.url)('bullmq/package.json') as { readonly version: string }).version;
