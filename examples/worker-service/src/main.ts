/** The worker process: starts, works, drains at SIGTERM or SIGINT, ends. */
import { app, openMailer } from './app.ts';

app.on('task:failed', ({ id, error }) => {
  // Tell whoever is to know; the log has it already.
  process.stderr.write(`${id}: ${error.message}\n`);
});

await app
  .worker({
    queues: { mail: 10 },
    startup: async () => ({ mailer: await openMailer() }),
    shutdown: ({ mailer }) => mailer.close(),
    drain: { soft: '20s', hard: '5s' },
  })
  .run();
