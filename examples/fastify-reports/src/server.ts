/** The web side: a page, and the report's task and jobs over HTTP. No request computes anything. */
import { readFile } from 'node:fs/promises';
import { createHttp, toNodeListener } from '@oxbow/http';
import { fastify, type FastifyInstance } from 'fastify';
import { app, report } from './app.ts';

// Everybody may make a report. `authorize` takes its place where that is not so.
const http = createHttp(app, { tasks: [report], allowAnonymous: true });
const listener = toNodeListener(http.handler);
const page = await readFile(new URL('page.html', import.meta.url));

export const server: FastifyInstance = fastify();

server.get('/', (_request, reply) => reply.type('text/html; charset=utf-8').send(page));

server.register((oxbow, _options, done) => {
  // The handler reads bodies itself, and no further than its limit.
  oxbow.removeAllContentTypeParsers();
  oxbow.addContentTypeParser('*', (_request, _body, parsed) => parsed(null));
  for (const path of ['/tasks/*', '/jobs/*']) {
    oxbow.all(path, (request, reply) => {
      reply.hijack();
      listener(request.raw, reply.raw);
    });
  }
  done();
});

// Event streams end first: close() waits for open connections.
server.addHook('preClose', () => http.close());
