import { Registry, type RegistryContentType } from 'prom-client';

/** What a scrape is answered in. */
export interface Exposition {
  readonly contentType: string;
  readonly text: string;
}

const OPEN = Registry.OPENMETRICS_CONTENT_TYPE;
const PLAIN = Registry.PROMETHEUS_CONTENT_TYPE;

/** The registry in the form that is asked for. prom-client writes one form only, in which the names of counters are no more those of the other. */
export async function expose(registry: Registry<RegistryContentType>, accept: string | null): Promise<Exposition> {
  const text = await registry.metrics();
  const isOpen = registry.contentType === OPEN;
  if (wantsOpen(accept)) return { contentType: OPEN, text: isOpen ? text : toOpen(text) };
  return { contentType: PLAIN, text: isOpen ? toPlain(text) : text };
}

function wantsOpen(accept: string | null): boolean {
  const weights = new Map((accept ?? '').split(',').map((one) => [one.split(';')[0]?.trim() ?? '', weightOf(one)]));
  const open = weights.get('application/openmetrics-text') ?? 0;
  return open > 0 && open >= (weights.get('text/plain') ?? 0);
}

function weightOf(range: string): number {
  const q = /;\s*q=(?<q>[\d.]+)/u.exec(range)?.groups?.['q'];
  return q === undefined ? 1 : Number(q);
}

/** In OpenMetrics a counter's family has no `_total`, and nothing stands between families. */
function toOpen(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '');
  return `${renamed(lines, (name) => name.replace(/_total$/u, '')).join('\n')}\n# EOF\n`;
}

function toPlain(text: string): string {
  const lines = text.split('\n').filter((line) => line !== '' && line !== '# EOF');
  return `${renamed(lines, (name) => `${name}_total`)
    .map((line) => (line.startsWith('#') ? line : line.replace(/ # \{.*$/u, '')))
    .join('\n')}\n`;
}

/** The HELP and TYPE of counters under other names. */
function renamed(lines: readonly string[], rename: (name: string) => string): readonly string[] {
  const counters = new Set(lines.flatMap((line) => /^# TYPE (?<name>\S+) counter$/u.exec(line)?.groups?.['name'] ?? []));
  return lines.map((line) =>
    line.replace(/^(?<head># (?:HELP|TYPE) )(?<name>\S+)/u, (all, head: string, name: string) =>
      counters.has(name) ? `${head}${rename(name)}` : all,
    ),
  );
}
