/** Preloaded (`--import`): this process believes that it is OXBOW_CLOCK_SHIFT_MS later. */
const shiftMs = Number(process.env['OXBOW_CLOCK_SHIFT_MS']);
const RealDate = Date;

globalThis.Date = class ShiftedDate extends RealDate {
  constructor(...args: readonly unknown[]) {
    super(...((args.length === 0 ? [RealDate.now() + shiftMs] : args) as []));
  }

  static override now(): number {
    return RealDate.now() + shiftMs;
  }
} as DateConstructor;
