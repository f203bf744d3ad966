import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { describe, expect, it, onTestFinished } from 'vitest';
import type { App } from './app.ts';
import { onRedis } from './testing/engines.ts';
import { until } from './testing/until.ts';
import { recordSignals, startWorker, uniqueName, withApp } from './testing/with-app.ts';

const JOBS = 150;
const KINDS = ['gateway refused', 'card expired', 'no such customer'];

interface Alert {
  readonly fingerprint: string;
  readonly text: string;
}

onRedis((engine) => {
  describe('signals to alerts', () => {
    it('a flood of failures in two processes is one request for each kind of error, whether the webhook answers or not', async () => {
      const webhook = await Webhook.listening();
      const name = uniqueName();
      const apps = [withApp(engine, { name }), withApp(engine, { name })];
      const [charge] = apps.map(declareCharge);
      for (const app of apps) alertTo(app, webhook.url);
      const lost = apps.map((app) => recordSignals(app, 'task:dead-lettered'));
      for (const app of apps) await startWorker(app, { queues: { default: 20, alerts: 5 } });

      await charge?.enqueueMany(Array.from({ length: JOBS }, (_, order) => order));
      await until('all jobs have failed', () => lost.flat().length === JOBS);
      webhook.isUp = true;
      await until('each kind has been told', () => webhook.texts.length >= KINDS.length);
      await until('nothing waits', async () => (await apps[0]?.queue('alerts').getJobCountByTypes('waiting', 'active', 'delayed')) === 0);
      expect(webhook.texts.toSorted()).toEqual(KINDS.toSorted());
      expect(webhook.refused).toBeGreaterThan(0);
      expect((await apps[0]?.deadLetters.groups())?.map(({ count }) => count)).toEqual([50, 50, 50]);
    });
  });
});

function declareCharge(app: App): { enqueueMany(orders: readonly number[]): Promise<unknown> } {
  return app.task('charge', {
    run: (order: number) => Promise.reject(new Error(`${KINDS[order % KINDS.length]} (order ${order})`)),
  });
}

/** As docs/alerts.md has it. */
function alertTo(app: App, url: string): void {
  const tell = app.task('alerts.tell', {
    queue: 'alerts',
    throttle: { key: ({ fingerprint }: Alert) => fingerprint, per: '10m' },
    retry: { attempts: 100, backoff: () => 100 },
    idempotency: 'natural',
    deadLetter: false,
    run: async ({ text }: Alert, ctx) => {
      const { status } = await fetch(url, { method: 'POST', body: JSON.stringify({ text }), signal: ctx.signal });
      if (status >= 300) throw new Error(`the webhook answers ${status}`);
    },
  });
  app.on('task:dead-lettered', async ({ fingerprint, error }) => {
    await tell.enqueue({ fingerprint, text: error.message.replace(/ \(.*/u, '') });
  });
}

/** Refuses everything until it is up. */
class Webhook {
  isUp = false;
  refused = 0;
  readonly texts: string[] = [];
  readonly url: string;

  private constructor(port: number) {
    this.url = `http://127.0.0.1:${port}`;
  }

  static async listening(): Promise<Webhook> {
    const server = createServer((request, response) => {
      json(request).then(
        (body) => {
          if (webhook.isUp) webhook.texts.push((body as { text: string }).text);
          else webhook.refused++;
          response.writeHead(webhook.isUp ? 204 : 503).end();
        },
        () => response.destroy(),
      );
    });
    await once(server.listen(0, '127.0.0.1'), 'listening');
    onTestFinished(async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    });
    const webhook = new Webhook((server.address() as AddressInfo).port);
    return webhook;
  }
}
