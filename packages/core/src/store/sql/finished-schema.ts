/** Jobs that have ended, by queue and outcome, each in several rows (engine/sql-finished.ts writes them). They are updated in place. */
export const FINISHED = `
CREATE TABLE IF NOT EXISTS oxbow_finished (
  queue   text    NOT NULL,
  outcome text    NOT NULL,
  part    integer NOT NULL,
  count   bigint  NOT NULL,
  PRIMARY KEY (queue, outcome, part)
) WITH (fillfactor = 25);`;
