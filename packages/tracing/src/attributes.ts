import type { AttemptCall, EnqueueCall } from '@oxbow/core';
import { SpanStatusCode, type Attributes, type Span } from '@opentelemetry/api';

const SYSTEM = { 'messaging.system': 'oxbow' };

/** What samplers decide by, of a span that sends one job, or a batch. */
export function ofPublish({ id, queue, task, runId, batch }: EnqueueCall): Attributes {
  const one = batch === undefined;
  const queues = batch?.queues ?? [queue];
  const tasks = batch?.tasks ?? [task];
  return {
    ...SYSTEM,
    'messaging.operation.name': 'publish',
    'messaging.operation.type': 'send',
    ...(queues.length === 1 ? { 'messaging.destination.name': queue } : {}),
    ...(one ? { 'messaging.message.id': id } : { 'messaging.batch.message_count': batch.size }),
    ...(tasks.length === 1 ? { 'oxbow.task': task } : {}),
    ...(runId === undefined ? {} : { 'oxbow.run_id': runId }),
  };
}

/** Of a span that is one attempt. */
export function ofProcess({ id, queue, task, attempt, runId }: AttemptCall): Attributes {
  return {
    ...SYSTEM,
    'messaging.operation.name': 'process',
    'messaging.operation.type': 'process',
    'messaging.destination.name': queue,
    'messaging.message.id': id,
    'oxbow.task': task,
    'oxbow.attempt': attempt,
    ...(runId === undefined ? {} : { 'oxbow.run_id': runId }),
  };
}

/** The span has failed with it. */
export function fail(span: Span, thrown: unknown): void {
  const error = thrown instanceof Error ? thrown : new Error(String(thrown));
  const { code } = error as { readonly code?: unknown };
  span.recordException(error);
  span.setAttribute('error.type', typeof code === 'string' ? code : error.name);
  span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
}
