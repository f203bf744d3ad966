import { execFile } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createApp } from '@oxbow/core';
import { onPrometheus, uniqueName } from '@oxbow/faults/suite';
import { describe, expect, it, onTestFinished } from 'vitest';
import { FAMILIES, type FamilyName } from './families.ts';
import { createMetrics } from './index.ts';
import { alertCases, alertRules, dashboards, queries, RULE_CASES, RULES, substituted, triggers, type Panel } from './testing/shipped.ts';

const execute = promisify(execFile);
/** What Prometheus, and who configures it, adds to every series. */
const TARGET_LABELS = ['instance', 'job', 'namespace'];
const SUFFIX = /_(?:bucket|sum|count)$/u;

describe('the dashboards', () => {
  it.each(dashboards)('$title asks the chosen data source, and has panels that do not overlap', ({ panels, schemaVersion }) => {
    expect(schemaVersion).toBeGreaterThanOrEqual(38);
    expect(new Set(panels.map(({ id }) => id)).size).toBe(panels.length);
    for (const panel of panels) {
      if (panel.type === 'row') continue;
      expect(panel).toMatchObject({ datasource: { uid: '${datasource}' }, description: expect.stringMatching(/\.$/u) });
      expect(panel.targets).not.toHaveLength(0);
      expect(panel.gridPos.x + panel.gridPos.w).toBeLessThanOrEqual(24);
    }
    const pairs = panels.flatMap((one, at) => panels.slice(at + 1).map((other) => [one, other] as const));
    expect(pairs.filter(([one, other]) => overlap(one, other)).map((pair) => pair.map(({ title }) => title))).toEqual([]);
  });

  it.each(dashboards)('$title uses each of its variables, and no other', ({ panels, templating }) => {
    const exprs = panels.flatMap(({ targets = [] }) => targets.map(({ expr }) => expr));
    const used = new Set([...exprs.join('\n').matchAll(/\$(?!__)(?<name>\w+)/gu)].map(({ groups }) => groups?.['name']));
    expect(new Set([...used, 'datasource'])).toEqual(new Set(templating.list.map(({ name }) => name)));
  });
});

describe('alert rules', () => {
  it.each(alertRules)('$alert says how bad it is, what is wrong, and where to read on', async ({ alert, labels, annotations }) => {
    expect(['info', 'warning', 'critical']).toContain(labels['severity']);
    expect(annotations['summary']).toMatch(/\.$/u);
    const [page = '', anchor] = (annotations['runbook'] ?? '').split('#');
    expect(anchor).toBe(alert.toLowerCase());
    expect(await readFile(new URL(`../../../${page}`, import.meta.url), 'utf8')).toContain(`\n### ${alert}\n`);
  });

  it.each(alertRules)('$alert has a case in which it fires, and one in which it does not', ({ alert }) => {
    const cases = alertCases.filter(({ alertname }) => alertname === alert);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length > 0)).toBe(true);
    expect(cases.some(({ exp_alerts }) => exp_alerts.length === 0)).toBe(true);
  });
});

describe('manifests', () => {
  it('of KEDA do not take a query without an answer for an empty queue', () => {
    const asking = triggers.filter(({ type }) => type === 'prometheus');
    expect(asking).toHaveLength(2);
    for (const { metadata } of asking) expect(metadata).toMatchObject({ ignoreNullValues: 'false' });
  });

  it('of KEDA find their number in what the app answers', async () => {
    const app = createApp({ name: uniqueName(), url: 'embedded:', logLevel: 'silent' });
    onTestFinished(() => app.close());
    await app.task('send', { queue: 'mail', run: () => null }).enqueueMany([undefined, undefined]);
    const { handler } = createMetrics(app, { collect: 'cluster' });
    const [trigger] = triggers.filter(({ type }) => type === 'metrics-api');
    const answer = (await (await handler(new Request(trigger?.metadata['url'] ?? ''))).json()) as Record<string, unknown>;
    expect(answer[trigger?.metadata['valueLocation'] ?? '']).toBe(2);
  });
});

describe('what is asked', () => {
  it('is exported under these names, with these labels', async () => {
    const app = createApp({ name: uniqueName(), url: 'embedded:', logLevel: 'silent' });
    onTestFinished(() => app.close());
    const exported = createMetrics(app, { collect: 'both', errors: ['TypeError'] }).registry.getMetricsAsArray();
    const labelsOf = (name: string): readonly string[] => FAMILIES[name.replace('oxbow_', '') as FamilyName]?.labels ?? [];
    const labels = new Map(exported.map(({ name }) => [name, labelsOf(name)]));
    const variables = dashboards.flatMap(({ title, templating }) =>
      templating.list.map(({ name, query }) => ({
        where: `${title}, variable ${name}`,
        expr: typeof query === 'string' ? '' : query.query,
      })),
    );
    expect(
      [...queries, ...variables].flatMap(({ where, expr }) => unknownIn(substituted(expr), labels).map((name) => `${where}: ${name}`)),
    ).toEqual([]);
  });
});

onPrometheus((promtool) => {
  it('parses every query', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'oxbow-rules-'));
    onTestFinished(() => rm(folder, { recursive: true }));
    const file = join(folder, 'queries.json');
    // JSON is YAML.
    const rules = queries.map(({ where, expr }, at) => ({ record: `query:${at}`, expr, labels: { where } }));
    await writeFile(file, JSON.stringify({ groups: [{ name: 'queries', rules }] }));
    const { stdout } = await execute(promtool, ['check', 'rules', file]);
    expect(stdout).toContain(`SUCCESS: ${queries.length} rules found`);
  });

  it('finds nothing wrong with the alert rules, and runs their cases', async () => {
    expect((await execute(promtool, ['check', 'rules', RULES])).stdout).toContain(`SUCCESS: ${alertRules.length} rules found`);
    expect((await execute(promtool, ['test', 'rules', RULE_CASES])).stdout).toContain('SUCCESS');
  });
});

function overlap({ gridPos: one }: Panel, { gridPos: other }: Panel): boolean {
  const meets = (from: 'x' | 'y', size: 'w' | 'h'): boolean => one[from] < other[from] + other[size] && other[from] < one[from] + one[size];
  return meets('x', 'w') && meets('y', 'h');
}

/** Metrics that are not exported; labels that those which are do not have. */
function unknownIn(expr: string, labels: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const known = new Set(TARGET_LABELS);
  const unknown: string[] = [];
  for (const { groups } of expr.matchAll(/\b(?<name>(?:oxbow|nodejs)_\w+)\b(?:\{(?<selector>[^}]*)\})?/gu)) {
    const name = groups?.['name'] ?? '';
    const base = labels.has(name) ? name : name.replace(SUFFIX, '');
    const own = labels.get(base);
    if (own === undefined) {
      unknown.push(name);
      continue;
    }
    for (const label of [...own, ...(name.endsWith('_bucket') ? ['le'] : [])]) known.add(label);
    for (const [, label = ''] of (groups?.['selector'] ?? '').matchAll(/(\w+)\s*(?:=~|!~|!=|=)/gu)) {
      if (label !== '__name__' && ![...TARGET_LABELS, ...own].includes(label)) unknown.push(`${label} of ${name}`);
    }
  }
  const grouping = [...expr.matchAll(/\b(?:by|on|ignoring|without) ?\((?<labels>[^)]*)\)/gu)].flatMap(({ groups }) =>
    (groups?.['labels'] ?? '').split(/,\s*/u),
  );
  const wanted = [...grouping, ...[...expr.matchAll(/^label_values\(.*, (?<label>\w+)\)$/gu)].map(({ groups }) => groups?.['label'] ?? '')];
  return [...unknown, ...wanted.filter((label) => !known.has(label))];
}
