import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { freePort } from './ports.ts';
import { findProgram } from './programs.ts';
import { until } from './until.ts';

/** Where prometheus is; undefined where there is none. */
export const prometheusProgram: string | undefined = findProgram(process.env['OXBOW_TEST_PROMETHEUS'] || 'prometheus');

const LAST_LINES = 20;

/** One series of an answer. */
export interface PromSample {
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
}

export interface PrometheusOptions {
  /** Name of a job → its targets, `host:port`. */
  readonly jobs: Readonly<Record<string, readonly string[]>>;
  readonly scrapeIntervalMs: number;
  /** Files with alert rules, evaluated as often as is scraped. */
  readonly rules?: readonly string[];
}

/** A real Prometheus of one's own, on a free port of 127.0.0.1, its data in a temporary folder. */
export class PrometheusServer implements AsyncDisposable {
  readonly url: string;
  readonly #folder: string;
  readonly #child: ChildProcess;
  #lines: readonly string[] = [];

  private constructor(url: string, folder: string, child: ChildProcess) {
    this.url = url;
    this.#folder = folder;
    this.#child = child;
    child.stderr?.on('data', (bytes: Buffer) => (this.#lines = [...this.#lines, bytes.toString()].slice(-LAST_LINES)));
  }

  /** Resolves when it answers queries. It first scrapes 5 s later: so long it waits for more targets. */
  static async started(options: PrometheusOptions): Promise<PrometheusServer> {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-prometheus-'));
    const config = join(folder, 'prometheus.json');
    // JSON is YAML.
    await writeFile(config, JSON.stringify(configOf(options)));
    const address = `127.0.0.1:${await freePort()}`;
    const args = [`--config.file=${config}`, `--storage.tsdb.path=${join(folder, 'data')}`, `--web.listen-address=${address}`];
    const child = spawn(prometheusProgram ?? 'prometheus', [...args, '--log.level=warn'], { stdio: ['ignore', 'ignore', 'pipe'] });
    const server = new PrometheusServer(`http://${address}`, folder, child);
    try {
      await until('Prometheus is ready', () => server.#isReady());
    } catch (error) {
      await server[Symbol.asyncDispose]();
      throw error;
    }
    return server;
  }

  /** What an expression gives now: one entry a series. @throws with what Prometheus says of an expression that it refuses */
  async query(expression: string): Promise<readonly PromSample[]> {
    const { result } = await this.#ask<{ result: readonly Series[] }>(`query?${new URLSearchParams({ query: expression }).toString()}`);
    return result.map(({ metric, value: [, value] }) => ({ labels: metric, value: toNumber(value) }));
  }

  /** Names of the alerts that fire now. */
  async firing(): Promise<readonly string[]> {
    const { alerts } = await this.#ask<{ alerts: readonly Alert[] }>('alerts');
    return alerts.filter(({ state }) => state === 'firing').map(({ labels }) => labels['alertname'] ?? '');
  }

  /** Ends it and deletes its data. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, 'exit');
      // Not SIGTERM, at which it writes down what nobody will read.
      this.#child.kill('SIGKILL');
      await exited;
    }
    await rm(this.#folder, { recursive: true, force: true });
  }

  async #isReady(): Promise<boolean> {
    if (this.#child.exitCode !== null) throw new Error(`Prometheus ended: ${this.#lines.join('')}`);
    return fetch(`${this.url}/-/ready`).then(
      ({ ok }) => ok,
      () => false,
    );
  }

  async #ask<Data>(path: string): Promise<Data> {
    const answer = (await (await fetch(`${this.url}/api/v1/${path}`)).json()) as { status: string; error?: string; data: Data };
    if (answer.status !== 'success') throw new Error(`Prometheus refuses ${decodeURIComponent(path)}: ${answer.error ?? ''}`);
    return answer.data;
  }
}

interface Series {
  readonly metric: Readonly<Record<string, string>>;
  readonly value: readonly [number, string];
}

interface Alert {
  readonly state: string;
  readonly labels: Readonly<Record<string, string>>;
}

/** Infinity is `+Inf`. */
function toNumber(text: string): number {
  return Number(text.replace('Inf', 'Infinity'));
}

function configOf({ jobs, scrapeIntervalMs, rules = [] }: PrometheusOptions): object {
  const interval = `${scrapeIntervalMs}ms`;
  return {
    global: { scrape_interval: interval, scrape_timeout: interval, evaluation_interval: interval },
    rule_files: rules,
    scrape_configs: Object.entries(jobs).map(([job_name, targets]) => ({ job_name, static_configs: [{ targets }] })),
  };
}
