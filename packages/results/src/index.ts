/** `@oxbow/results`: where results go that are too large for the engine, or are bytes. */
export { fileResults, type FileResultsOptions } from './file-results.ts';
export { postgresResults, type PostgresPool, type PostgresResults, type PostgresResultsOptions } from './postgres-results.ts';
export { s3Results, type S3Client, type S3Credentials, type S3ResultsOptions } from './s3-results.ts';
