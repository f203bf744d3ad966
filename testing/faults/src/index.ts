/** The fault kit: real servers that are stopped, paused and restarted, a faulty network, and what witnesses the outcome. Not published. */
export { account, type Account, type StoreState } from './checker.ts';
export { faketimeEnv } from './faketime.ts';
export { Ledger, readLedger, type LedgerEntry } from './ledger.ts';
export { freePort } from './ports.ts';
export { postgresProgram, PostgresServer } from './postgres-server.ts';
export { findProgram } from './programs.ts';
export { prometheusProgram, PrometheusServer, type PrometheusOptions, type PromSample } from './prometheus-server.ts';
export { Proxy } from './proxy.ts';
export { RedisCluster, type RedisClusterOptions } from './redis-cluster.ts';
export { RedisSentinels, type RedisSentinelsOptions } from './redis-sentinel.ts';
export { redisProgram, RedisServer } from './redis-server.ts';
export { until } from './until.ts';
