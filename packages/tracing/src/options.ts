import { OxbowError } from '@oxbow/core';

export interface TracingOptions {
  /**
   * What the span of an attempt is to the span of its enqueue: `link` begins a trace of its own with a link to it, `child` is part of its trace
   * and has the link, too.
   * @defaultValue 'link'
   */
  readonly parent?: 'link' | 'child';
}

/** @throws OxbowError `invalid_options` */
export function resolveTracingOptions(options: TracingOptions): Required<TracingOptions> {
  const unknown = Object.keys(options).find((name) => name !== 'parent');
  if (unknown !== undefined) throw new OxbowError('invalid_options', `tracing(): unknown option "${unknown}". Known: parent`);
  const { parent = 'link' } = options;
  if (!['link', 'child'].includes(parent)) throw new OxbowError('invalid_options', 'tracing(): parent is "link" or "child".');
  return { parent };
}
