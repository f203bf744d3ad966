import type { HealthSettings } from './options.ts';
import type { HealthReport, ProbeName } from './report.ts';

/** A request, as far as it is needed. */
export interface Asked {
  readonly method: string;
  readonly url: string;
  /** For `authorize`. */
  readonly toRequest: () => Request;
  /** Whether everybody who can ask may see everything. */
  readonly trusted: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | undefined;
}

const PROBES: ReadonlySet<string> = new Set<ProbeName>(['startupz', 'livez', 'readyz', 'healthz']);
const BASE = { 'cache-control': 'no-store' };

/** @param wide - whether what the whole app is doing is shown, too. */
export type CheckProbe = (probe: ProbeName, wide: boolean) => Promise<HealthReport>;

/** Never rejects: what goes wrong is an answer. */
export async function answer(settings: HealthSettings, check: CheckProbe, asked: Asked): Promise<Answer> {
  try {
    const { status, headers, body } = await route(settings, check, asked);
    return { status, headers, body: asked.method === 'HEAD' ? undefined : body };
  } catch (error) {
    settings.app.log.error({ err: error }, 'a health probe could not be answered');
    return refusal(500, 'internal');
  }
}

async function route(settings: HealthSettings, check: CheckProbe, asked: Asked): Promise<Answer> {
  const { pathname, searchParams } = new URL(asked.url, 'http://localhost');
  const name = pathname.startsWith(`${settings.basePath}/`) ? pathname.slice(settings.basePath.length + 1) : '';
  if (!PROBES.has(name)) return refusal(404, 'not_found');
  if (asked.method !== 'GET' && asked.method !== 'HEAD') return refusal(405, 'method_not_allowed', { allow: 'GET, HEAD' });
  const verbose = searchParams.has('verbose');
  const refused = verbose ? await refusedBy(settings, asked) : undefined;
  if (refused !== undefined) return refused;
  const report = await check(name as ProbeName, verbose);
  return {
    status: report.status === 'fail' ? 503 : 200,
    headers: { ...BASE, 'content-type': settings.contentType },
    body: JSON.stringify(verbose ? report : brief(report)),
  };
}

/** What everybody may see: which checks do not pass, not why. */
function brief({ status, state, checks }: HealthReport): object {
  const not = (verdict: string): string[] => Object.keys(checks).filter((name) => checks[name]?.status === verdict);
  const [failed, warned] = [not('fail'), not('warn')];
  return { status, state, ...(failed.length > 0 ? { failed } : {}), ...(warned.length > 0 ? { warned } : {}) };
}

async function refusedBy({ authorize, allowVerbose }: HealthSettings, { trusted, toRequest }: Asked): Promise<Answer | undefined> {
  if (trusted || allowVerbose) return undefined;
  const verdict: unknown = authorize === undefined ? false : await authorize(toRequest());
  if (verdict === true) return undefined;
  if (!isResponse(verdict)) return refusal(403, 'forbidden');
  return { status: verdict.status, headers: { ...Object.fromEntries(verdict.headers), ...BASE }, body: await verdict.text() };
}

/** Of any realm or package: hosts bring their own. */
function isResponse(verdict: unknown): verdict is Response {
  return typeof verdict === 'object' && verdict !== null && 'status' in verdict && 'headers' in verdict;
}

function refusal(status: number, code: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { ...BASE, 'content-type': 'application/json', ...headers }, body: JSON.stringify({ error: code }) };
}
