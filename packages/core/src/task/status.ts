/** What a job is doing, in Oxbow's words. The last five are final: nothing follows. */
export type Status =
  | 'waiting'
  | 'delayed'
  | 'parked'
  | 'started'
  | 'retrying'
  | 'succeeded'
  | 'failed'
  | 'cancelled'
  | 'expired'
  | 'skipped';
