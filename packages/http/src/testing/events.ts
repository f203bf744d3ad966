/** One Server-Sent Event, or a comment. */
export interface SentEvent {
  readonly event?: string;
  readonly id?: string;
  readonly data?: Record<string, unknown>;
  readonly comment?: string;
}

/** What a stream of events holds, block by block. */
export async function* eventsOf(body: ReadableStream<Uint8Array>): AsyncGenerator<SentEvent, void, undefined> {
  let text = '';
  const decoder = new TextDecoder();
  for await (const chunk of body) {
    text += decoder.decode(chunk, { stream: true });
    for (let end = text.indexOf('\n\n'); end >= 0; end = text.indexOf('\n\n')) {
      yield parse(text.slice(0, end));
      text = text.slice(end + 2);
    }
  }
}

/** All events of a job, without comments and what is no event, to the end of the stream. */
export async function allEvents(response: Response): Promise<readonly SentEvent[]> {
  const events: SentEvent[] = [];
  for await (const event of eventsOf(response.body as ReadableStream<Uint8Array>)) if (event.event !== undefined) events.push(event);
  return events;
}

function parse(block: string): SentEvent {
  const fields = Object.fromEntries(
    block.split('\n').map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at) || 'comment', line.slice(at + 1).trim()];
    }),
  );
  const { event, id, data, comment } = fields as Record<string, string | undefined>;
  return {
    ...(event === undefined ? {} : { event }),
    ...(id === undefined ? {} : { id }),
    ...(data === undefined ? {} : { data: JSON.parse(data) as Record<string, unknown> }),
    ...(comment === undefined ? {} : { comment }),
  };
}
