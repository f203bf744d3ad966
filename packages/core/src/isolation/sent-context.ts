import type { TaskContext } from '../execution/context.ts';

const SENT = ['id', 'name', 'queue', 'attempt', 'runId', 'parentId', 'headers', 'lastHeartbeat', 'fence'] as const;

/** What the context of a call shows, as it was when the call began. */
export type SentContext = Pick<TaskContext, (typeof SENT)[number]>;

export function toSentContext(context: TaskContext): SentContext {
  return Object.fromEntries(SENT.map((field) => [field, context[field]])) as unknown as SentContext;
}

/** Has what was sent. */
export const ReceivedContext: new (sent: SentContext) => SentContext = class {
  constructor(sent: SentContext) {
    Object.assign(this, sent);
  }
} as new (sent: SentContext) => SentContext;
