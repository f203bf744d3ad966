import { beforeEach, describe, expect, it, onTestFinished, vi } from 'vitest';
import type { Lane, LanePulse } from '../engine/engine.ts';
import { SignalBus } from '../signals.ts';
import { silent } from '../testing/with-app.ts';
import { LaneWatch } from './lane-watch.ts';
import type { LaneState } from './state.ts';

let pulse: LanePulse;
let reconnects = 0;
let seen: string[] = [];
let watch: LaneWatch;

beforeEach(() => {
  [pulse, reconnects, seen] = [{ answers: 1, blockMs: 5000, running: 0, fetches: true }, 0, []];
  const signals = new SignalBus(silent);
  signals.on('worker:stuck', ({ queue, silentMs }) => seen.push(`stuck ${queue} ${silentMs}`));
  signals.on('worker:recovered', ({ queue, silentMs }) => seen.push(`recovered ${queue} ${silentMs}`));
  watch = new LaneWatch(signals, silent);
  const lane = {
    queue: 'work',
    get pulse() {
      return pulse;
    },
    reconnect: () => void reconnects++,
  };
  watch.start([lane as Lane]);
  watch.stop();
  watch.look();
});

function seconds(count: number): void {
  for (let i = 0; i < count; i++) watch.look();
}

describe('the watch over lanes', () => {
  it('leaves a lane alone that is answered now and then', () => {
    for (let i = 0; i < 20; i++) {
      seconds(9);
      pulse = { ...pulse, answers: pulse.answers + 1 };
      watch.look();
    }
    expect(reconnects).toBe(0);
    const { lastFetchAt, ...state } = watch.states[0] as LaneState;
    expect(state).toEqual({ queue: 'work', running: 0, fetching: true, fetched: true, silentMs: 0, blockMs: 5000, stuck: false });
    expect(Date.now() - lastFetchAt).toBeLessThan(1000);
  });

  it('connects a lane anew that is not answered for ten seconds, again every ten, and tells of it once', () => {
    seconds(9);
    expect(reconnects).toBe(0);
    seconds(1);
    expect(reconnects).toBe(1);
    seconds(20);
    expect(reconnects).toBe(3);
    expect(watch.states).toMatchObject([{ silentMs: 30_000, stuck: true }]);
    pulse = { ...pulse, answers: 2 };
    watch.look();
    expect(seen).toEqual(['stuck work 10000', 'recovered work 30000']);
    expect(watch.states).toMatchObject([{ silentMs: 0, stuck: false }]);
  });

  it('gives a server the time for which it was asked to wait', () => {
    pulse = { ...pulse, blockMs: 60_000 };
    seconds(64);
    expect(reconnects).toBe(0);
    seconds(1);
    expect(reconnects).toBe(1);
  });

  it('sees a lane well for as long as its server was asked to wait, and no longer', () => {
    vi.useFakeTimers({ toFake: ['Date'], now: 0 });
    onTestFinished(() => void vi.useRealTimers());
    pulse = { ...pulse, blockMs: 60_000 };
    for (let second = 1; second <= 63; second++) {
      vi.setSystemTime(second * 1000);
      watch.look();
    }
    expect(watch.states).toMatchObject([{ silentMs: 63_000, lastFetchAt: 60_000, stuck: false }]);
  });

  it('expects nothing of a lane that does not fetch', () => {
    pulse = { ...pulse, fetches: false };
    seconds(60);
    expect(reconnects).toBe(0);
    expect(seen).toEqual([]);
  });
});
