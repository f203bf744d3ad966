/** The web side: takes uploads, and shows their jobs. */
import { createHash, randomUUID } from 'node:crypto';
import { mkdir, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createHttp, type Http } from '@oxbow/http';
import { Hono } from 'hono';
import { bodyLimit } from 'hono/body-limit';
import { app, convert, uploads } from './app.ts';

// Everybody may upload. `authorize` takes its place where that is not so.
export const http: Http = createHttp(app, { tasks: [convert], allowAnonymous: true });

export const server: Hono = new Hono();

server.post('/uploads', bodyLimit({ maxSize: 10 * 1024 * 1024 }), async (context) => {
  const bytes = Buffer.from(await context.req.arrayBuffer());
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const part = join(uploads, `${randomUUID()}.part`);
  await mkdir(uploads, { recursive: true });
  await writeFile(part, bytes);
  // Whoever reads it finds it whole.
  await rename(part, join(uploads, sha256));
  const { id } = await convert.enqueue({ sha256 });
  return context.json({ id }, 202, { location: `/jobs/${encodeURIComponent(id)}` });
});

// Uploads come in above: of the handler, jobs are mounted and tasks are not.
server.all('/jobs/*', ({ req }) => http.handler(req.raw));
