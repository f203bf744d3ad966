/** What the package ships beside its code, as tests read it: dashboards, alert rules, manifests, and every query in them. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { parse } from 'yaml';

export interface Target {
  readonly refId: string;
  readonly expr: string;
}

export interface Panel {
  readonly id: number;
  readonly type: string;
  readonly title: string;
  readonly description?: string;
  readonly gridPos: { readonly x: number; readonly y: number; readonly w: number; readonly h: number };
  readonly datasource?: { readonly uid: string };
  readonly targets?: readonly Target[];
}

export interface Variable {
  readonly name: string;
  readonly type: string;
  readonly query: string | { readonly query: string };
}

export interface Dashboard {
  readonly uid: string;
  readonly title: string;
  readonly schemaVersion: number;
  readonly panels: readonly Panel[];
  readonly templating: { readonly list: readonly Variable[] };
}

export interface AlertRule {
  readonly alert: string;
  readonly expr: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly annotations: Readonly<Record<string, string>>;
}

export interface AlertCase {
  readonly alertname: string;
  readonly exp_alerts: readonly unknown[];
}

export interface Trigger {
  readonly type: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** A PromQL expression, and where it stands. */
export interface Query {
  readonly where: string;
  readonly expr: string;
}

export const dashboards: readonly Dashboard[] = ['overview', 'tasks'].map(
  (name) => JSON.parse(read(`dashboards/${name}.json`)) as Dashboard,
);

export const RULES: string = pathOf('alerts/rules.yml');
export const RULE_CASES: string = pathOf('alerts/rules.test.yml');

export const alertRules: readonly AlertRule[] = (
  parse(read('alerts/rules.yml')) as { groups: readonly { rules: readonly AlertRule[] }[] }
).groups.flatMap(({ rules }) => rules);

export const alertCases: readonly AlertCase[] = (
  parse(read('alerts/rules.test.yml')) as { tests: readonly { alert_rule_test: readonly AlertCase[] }[] }
).tests.flatMap((test) => test.alert_rule_test);

export const triggers: readonly Trigger[] = ['scaled-object', 'metrics-api'].flatMap(
  (name) => (parse(read(`keda/${name}.yaml`)) as { spec: { triggers: readonly Trigger[] } }).spec.triggers,
);

/** Every query of all of them, as Grafana would send it. */
export const queries: readonly Query[] = [
  ...dashboards.flatMap((board) =>
    board.panels.flatMap((panel) =>
      (panel.targets ?? []).map(({ refId, expr }) => ({ where: `${board.title}, ${panel.title} ${refId}`, expr: substituted(expr) })),
    ),
  ),
  ...alertRules.map(({ alert, expr }) => ({ where: alert, expr })),
  ...triggers.flatMap(({ type, metadata: { query } }) => (query === undefined ? [] : [{ where: `KEDA's ${type} trigger`, expr: query }])),
];

export interface PanelChoice {
  /** @defaultValue 'timeseries' */
  readonly type?: string;
  /** @defaultValue 'A' */
  readonly refId?: string;
}

/** The query of a panel, as Grafana would send it with all variables at "All". */
export function panelQuery(board: string, title: string, { type = 'timeseries', refId = 'A' }: PanelChoice = {}): string {
  const panels = dashboards.find((found) => found.title === `Oxbow / ${board}`)?.panels ?? [];
  const target = panels.find((panel) => panel.title === title && panel.type === type)?.targets?.find((found) => found.refId === refId);
  if (target === undefined) throw new Error(`there is no ${type} "${title}" with a query ${refId} on the board ${board}`);
  return substituted(target.expr);
}

/** As Grafana does it: what is not chosen is "All". */
export function substituted(expr: string, window = '5m'): string {
  return expr.replaceAll(/\$__(?:rate_interval|range)/gu, window).replaceAll(/"\$[a-z]+"/gu, '".*"');
}

function pathOf(file: string): string {
  return fileURLToPath(new URL(`../../${file}`, import.meta.url));
}

function read(file: string): string {
  return readFileSync(pathOf(file), 'utf8');
}
