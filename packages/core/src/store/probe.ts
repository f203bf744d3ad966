/** Whether the store takes what is written. */
export interface ProbeStore {
  /**
   * Writes something small, reads it and takes it away again, in one atomic round trip: nobody ever sees it.
   * @throws EngineUnavailableError; OxbowError `engine_refused`; what a server says that may not be written to
   */
  touch(): Promise<void>;
}
