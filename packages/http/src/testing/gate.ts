/** A door that handlers wait at until the test opens it, and that counts who has come. */
export class Gate {
  readonly opened: Promise<void>;
  open: () => void = () => undefined;
  arrived = 0;

  constructor() {
    this.opened = new Promise((resolve) => {
      this.open = resolve;
    });
  }

  /** What a handler awaits. */
  pass(): Promise<void> {
    this.arrived++;
    return this.opened;
  }
}
