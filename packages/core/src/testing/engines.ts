export { onEmbedded, onPostgres, onRedis, type TestEngine } from '@oxbow/faults/suite';
