/** The web side: orders over HTTP, and the dead letters for who runs the shop. */
import { OxbowError } from '@oxbow/core';
import { createHttp, toNodeListener, type Http } from '@oxbow/http';
import express, { type ErrorRequestHandler, type Express } from 'express';
import { app, createOrder } from './app.ts';

/** Who is who. Yours asks a session, or a token that is signed. */
const clients: ReadonlyMap<string | null | undefined, string> = new Map([
  ['Bearer ann-secret', 'ann'],
  ['Bearer bob-secret', 'bob'],
  ['Bearer operator-secret', 'operator'],
]);

export const http: Http = createHttp(app, {
  tasks: [createOrder],
  authorize: ({ headers }) => clients.has(headers.get('authorization')),
  requireIdempotencyKey: true,
  // The keys of one client are nothing to another.
  clientOf: ({ headers }) => clients.get(headers.get('authorization')) ?? '',
});

export const server: Express = express();

server.all(['/tasks/*path', '/jobs/*path'], toNodeListener(http.handler));

server.use('/dead-letters', ({ headers }, response, next) => {
  if (clients.get(headers.authorization) === 'operator') next();
  else response.sendStatus(403);
});

server.get('/dead-letters', async (_request, response) => {
  response.json(await app.deadLetters.list({ task: createOrder.name }));
});

server.post('/dead-letters/:id/replay', async ({ params }, response) => {
  const { id } = await app.deadLetters.replay(params.id);
  response
    .status(202)
    .location(`/jobs/${encodeURIComponent(id)}`)
    .json({ id });
});

const onError: ErrorRequestHandler = (error, _request, response, next) => {
  if (OxbowError.is(error) && error.code === 'unknown_job') response.status(404).json({ code: error.code });
  else next(error);
};
server.use(onError);
