import type { WorkerState } from '@oxbow/core/operate';
import type { Check } from './report.ts';

/** Kubernetes tells a container nothing of its grace period: a manifest that says it here has it checked. */
const VARIABLE = 'OXBOW_TERMINATION_GRACE_SECONDS';
/** For what comes after the hard deadline: `shutdown`, connections, the exit. */
const MARGIN_MS = 5000;

/** Whether the process is given the time that a drain may take; no check when nobody says how much it is. */
export function graceCheck(workers: readonly WorkerState[]): { readonly grace?: Check } {
  const seconds = Number(process.env[VARIABLE] ?? '');
  const needsMs = Math.max(0, ...workers.map(({ drain }) => drain.softMs + drain.hardMs + MARGIN_MS));
  if (!(seconds > 0) || needsMs === 0) return {};
  const neededSeconds = Math.ceil(needsMs / 1000);
  const figures = { graceSeconds: seconds, neededSeconds };
  if (seconds >= neededSeconds) return { grace: { status: 'pass', ...figures } };
  const reason = `a drain may take ${neededSeconds} s, and the process is killed after ${seconds} s: raise terminationGracePeriodSeconds, or lower drain.soft`;
  return { grace: { status: 'warn', reason, ...figures } };
}
