const NAMES = ['SIGTERM', 'SIGINT'] as const;

export interface ProcessSignals {
  /** Signals received so far. */
  readonly count: number;
  stop(): void;
}

/** Calls `onSignal` with 1 for the first SIGTERM or SIGINT, 2 for the second, … until stopped. */
export function waitForSignals(onSignal: (count: number) => void): ProcessSignals {
  let count = 0;
  const listener = (): void => {
    count++;
    onSignal(count);
  };
  for (const name of NAMES) process.on(name, listener);
  return {
    get count() {
      return count;
    },
    stop: () => {
      for (const name of NAMES) process.off(name, listener);
    },
  };
}
