/** Asserts that unit and manifests say what the code does: nobody else compares a grace period with a drain. */
import { strict as assert } from 'node:assert';
import { execFile } from 'node:child_process';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { operate } from '@oxbow/core/operate';
import { parse, parseAllDocuments } from 'yaml';
import { app } from './app.ts';
import { PORTS, roles, type Role } from './roles.ts';

const FOLDER = new URL('..', import.meta.url);
const MARGIN_SECONDS = 5;
const execute = promisify(execFile);

type Labels = Readonly<Record<string, string>>;

interface Probe {
  readonly httpGet: { readonly path: string; readonly port: string };
}

interface Container {
  readonly command: readonly string[];
  readonly env: readonly {
    readonly name: string;
    readonly value?: string;
    readonly valueFrom?: { readonly secretKeyRef: { readonly name: string; readonly key: string } };
  }[];
  readonly ports: readonly { readonly name: string; readonly containerPort: number }[];
  readonly startupProbe: Probe;
  readonly livenessProbe: Probe;
  readonly readinessProbe: Probe;
}

interface Deployment {
  readonly spec: {
    readonly selector: { readonly matchLabels: Labels };
    readonly template: {
      readonly metadata: { readonly labels: Labels };
      readonly spec: { readonly terminationGracePeriodSeconds: number; readonly containers: readonly [Container] };
    };
  };
}

interface Budget {
  readonly spec: { readonly maxUnavailable: number; readonly selector: { readonly matchLabels: Labels } };
}

/** What is probed and scraped, for somebody to ask a worker that runs. */
export interface Paths {
  readonly probes: readonly string[];
  readonly metrics: string;
}

export async function checkDeployment(): Promise<Paths> {
  const monitor = parse(await read('kubernetes/pod-monitor.yaml')) as {
    readonly spec: {
      readonly selector: { readonly matchLabels: Labels };
      readonly podMetricsEndpoints: readonly [{ readonly port: string; readonly path: string }];
    };
  };
  const [{ port, path }] = monitor.spec.podMetricsEndpoints;
  const probes = new Set<string>();
  for (const role of Object.keys(roles) as Role[]) {
    const { labels, container } = await checkRole(role);
    for (const [name, value] of Object.entries(monitor.spec.selector.matchLabels)) assert.equal(labels[name], value);
    assert.ok(container.ports.some(({ name }) => name === port));
    for (const probe of ['startupProbe', 'livenessProbe', 'readinessProbe'] as const) {
      const { httpGet } = container[probe];
      assert.equal(container.ports.find(({ name }) => name === httpGet.port)?.containerPort, PORTS.health);
      probes.add(httpGet.path);
    }
  }
  await checkUnit();
  return { probes: [...probes], metrics: path };
}

async function checkRole(role: Role): Promise<{ readonly labels: Labels; readonly container: Container }> {
  const [deployment, budget] = parseAllDocuments(await read(`kubernetes/worker-${role}.yaml`)).map((one) => one.toJS() as unknown) as [
    Deployment,
    Budget,
  ];
  const { selector, template } = deployment.spec;
  const { labels } = template.metadata;
  assert.deepEqual([selector.matchLabels, budget.spec.selector.matchLabels, budget.spec.maxUnavailable], [labels, labels, 1]);
  const { terminationGracePeriodSeconds: grace, containers } = template.spec;
  assert.ok(grace >= secondsToEnd(role), `${role}: ${grace} s are given, and ${secondsToEnd(role)} s are needed`);
  const [container] = containers;
  const env = Object.fromEntries(container.env.map(({ name, value }) => [name, value]));
  assert.deepEqual([env['ROLE'], env['HOST'], env['OXBOW_TERMINATION_GRACE_SECONDS']], [role, '0.0.0.0', String(grace)]);
  assert.deepEqual(Object.fromEntries(container.ports.map(({ name, containerPort }) => [name, containerPort])), PORTS);
  await access(new URL(container.command.at(-1) ?? '', FOLDER));
  const secret = parse(await read('kubernetes/secret.yaml')) as {
    readonly metadata: { readonly name: string };
    readonly stringData: Labels;
  };
  const url = container.env.find(({ name }) => name === 'OXBOW_URL')?.valueFrom?.secretKeyRef;
  assert.ok(url?.name === secret.metadata.name && url.key in secret.stringData);
  return { labels, container };
}

/** From SIGTERM to the exit, at most. */
function secondsToEnd(role: Role): number {
  const { softMs, hardMs } = operate(app).worker(app.worker(roles[role])).drain;
  return (softMs + hardMs + roles[role].shutdownTimeout) / 1000 + MARGIN_SECONDS;
}

async function checkUnit(): Promise<void> {
  const text = await read('systemd/oxbow-worker@.service');
  const said = (name: string): string => new RegExp(`^${name}=(?<value>.*)$`, 'mu').exec(text)?.groups?.['value'] ?? '';
  const all = Object.keys(roles) as Role[];
  const seconds = Number(said('TimeoutStopSec'));
  assert.ok(seconds >= Math.max(...all.map(secondsToEnd)), `the unit gives ${seconds} s to end`);
  assert.ok(said('Environment').includes(`OXBOW_TERMINATION_GRACE_SECONDS=${seconds}`));
  assert.deepEqual([said('KillSignal'), said('KillMode'), said('Restart')], ['SIGTERM', 'mixed', 'on-failure']);
  const files = await Promise.all(all.map(async (role) => read(`systemd/worker-${role}.env`)));
  const ports = files.flatMap((file) =>
    [...file.matchAll(/^(?:HEALTH|METRICS)_PORT=(?<port>\d+)$/gmu)].map(({ groups }) => groups?.['port']),
  );
  assert.equal(new Set(ports).size, 2 * all.length);
  await verify(text);
}

/** systemd's own opinion, where there is one. Node lies elsewhere here, maybe. */
async function verify(text: string): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'oxbow-unit-'));
  const file = join(folder, 'oxbow-worker@.service');
  await writeFile(file, text.replace('/usr/bin/node', process.execPath).replace(/^Documentation=.*\n/mu, ''));
  try {
    const { stderr, code } = await execute('systemd-analyze', ['verify', '--man=no', '--recursive-errors=no', file]).then(
      (done) => ({ stderr: done.stderr, code: 0 }),
      (error: { readonly stderr?: string; readonly code?: number | string }) => ({ stderr: error.stderr ?? '', code: error.code }),
    );
    const complaints = stderr.split('\n').filter((line) => line.includes('oxbow-worker'));
    assert.deepEqual(complaints, []);
    // There is none, or it cannot work here, as in some containers.
    if (code !== 0) console.log(`the unit was read, but systemd-analyze did not verify it (${code})`);
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function read(path: string): Promise<string> {
  return readFile(new URL(path, FOLDER), 'utf8');
}
