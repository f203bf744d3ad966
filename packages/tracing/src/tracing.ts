import type { Policy } from '@oxbow/core';
import { resolveTracingOptions, type TracingOptions } from './options.ts';
import { Processing } from './processing.ts';
import { Publishing } from './publishing.ts';
import { Sdk } from './sdk.ts';

export type { TracingOptions } from './options.ts';

/**
 * The policy that makes spans of enqueues and attempts, and sends their context along in the headers of jobs, with the tracer provider,
 * the context manager and the propagator that are registered with `@opentelemetry/api`. Until there is a tracer provider it does nothing.
 * It should be the first policy: what others do is inside its spans then.
 * @throws OxbowError `invalid_options`
 * @example
 * const app = createApp({ name: 'shop' }).use(tracing());
 */
export function tracing(options: TracingOptions = {}): Policy {
  const { parent } = resolveTracingOptions(options);
  const sdk = new Sdk();
  const processing = new Processing(parent);
  const publishing = new Publishing(processing);
  const publish: Policy['enqueue'] = (call, next) => publishing.publish(call, next);
  return {
    name: 'tracing',
    ownTasks: true,
    // Without it what follows a job of a run is added together with the job's end.
    get enqueue() {
      return sdk.isThere ? publish : undefined;
    },
    run: (attempt, next) => (sdk.isThere ? processing.process(attempt, next) : next()),
  };
}
