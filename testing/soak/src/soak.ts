import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { App } from '@oxbow/core';
import { Random } from '@oxbow/matrix/random';
import { Member } from './crew.ts';
import { EventCounts } from './event-counts.ts';
import { START } from './evidence.ts';
import type { EngineName, Orders } from './orders.ts';
import { randomCanvas } from './random-canvas.ts';
import { Site } from './site.ts';
import { openApp } from './tasks.ts';
import { findingsOf, judge, outcomeOf, settle, type Outcome, type Started, type Verdict } from './verdict.ts';

const WORKERS = 3;
/** Runs under way at a time. */
const IN_FLIGHT = 30;
const CANCELLED = 0.08;
/** After this no run is started and nobody is killed any more, so that a round ends. */
const KILLING_MS = 20_000;
const HUNG_MS = 120_000;
const SETTLE_MS = 30_000;

export interface SoakOptions {
  readonly seconds: number;
  readonly seed: number;
  readonly say: (line: string) => void;
}

interface Round extends Verdict {
  readonly kills: number;
}

/** Rounds of random canvases under random kills until the time is over. Returns how many runs were right and wrong. */
export async function soak(
  engine: EngineName,
  { seconds, seed, say }: SoakOptions,
): Promise<{ readonly passed: number; readonly failed: number }> {
  await using site = await Site.open(engine);
  const until = performance.now() + seconds * 1000;
  const rounds: Round[] = [];
  while (rounds.length === 0 || performance.now() < until) {
    const round = await runRound(site, seed, rounds.length);
    rounds.push(round);
    const findings = findingsOf(round);
    const name = `${engine} seed ${seed}, round ${rounds.length}`;
    say(
      `${findings.length === 0 ? 'ok  ' : 'RED '} ${name}: ${round.runs} runs (${round.failedRuns} failed, ` +
        `${round.cancelledRuns} cancelled), ${round.jobs} jobs, ${round.kills} kills`,
    );
    for (const finding of findings) say(`failed: soak ${name}: ${finding}`);
  }
  say(`\n${toMarkdown(engine, rounds)}\n`);
  const runs = rounds.reduce((sum, round) => sum + round.runs, 0);
  const failed = rounds.reduce((sum, round) => sum + Math.min(round.runs, findingsOf(round).length), 0);
  return { passed: runs - failed, failed };
}

async function runRound(site: Site, seed: number, number: number): Promise<Round> {
  const random = new Random(seed * 10_007 + number);
  const orders: Orders = {
    role: 'worker',
    url: site.url,
    app: `soak_${number}`,
    ledger: join(site.folder, `soak-${number}`),
    lockMs: random.between(1000, 2000),
    concurrency: 10,
    handlerMs: random.pick([2, 20, 100]),
    drain: { softMs: 1000, hardMs: 1000 },
    notes: true,
  };
  const app = openApp(orders);
  await app.ready();
  await using events = new EventCounts(site.url, orders.app);
  const killer = new Killer(orders, random);
  try {
    const runs: Started[] = [];
    const outcomes: Outcome[] = [];
    const deadline = performance.now() + KILLING_MS;
    const runner = async (): Promise<void> => {
      while (performance.now() < deadline) {
        const number = runs.length;
        const order = orderOf(random, number);
        // Its place is taken before it is there, so that runs are numbered in the order of their canvases.
        runs.push({ ...order, id: '' });
        const { id } = await app.signature(order.tree).enqueue(START as never);
        runs[number] = { ...order, id };
        outcomes[number] = await endOf(app, id, order);
      }
    };
    await Promise.all(Array.from({ length: IN_FLIGHT }, runner));
    await killer.stop();
    await settle(app, SETTLE_MS, wait);
    const verdict = await judge(app, events, { runs, outcomes, ledger: orders.ledger });
    return { ...verdict, kills: killer.kills };
  } finally {
    await killer.end();
    await app.close();
  }
}

type Order = Pick<Started, 'tree' | 'cancelled'> & { readonly cancelAfterMs: number };

function orderOf(random: Random, number: number): Order {
  const tree = randomCanvas(random, `r${number}`);
  return { tree, cancelled: random.next() < CANCELLED, cancelAfterMs: random.between(0, 3000) };
}

async function endOf(app: App, id: string, { cancelled, cancelAfterMs }: Order): Promise<Outcome> {
  const run = app.run(id);
  const outcome = outcomeOf(run, HUNG_MS);
  if (cancelled) {
    await wait(cancelAfterMs);
    await run.cancel('the harness asked');
  }
  return outcome;
}

/** Workers of which one is killed every second or so, and replaced at once. */
class Killer {
  kills = 0;
  readonly #orders: Orders;
  readonly #random: Random;
  readonly #crew: Member[];
  readonly #stopped = new AbortController();
  readonly #killing: Promise<void>;

  constructor(orders: Orders, random: Random) {
    this.#orders = orders;
    // Of its own: how many kills there are depends on the machine, and canvases must not.
    this.#random = new Random(random.between(0, 2 ** 31));
    this.#crew = Array.from({ length: WORKERS }, () => new Member(orders));
    this.#killing = this.#kill();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#killing;
  }

  async end(): Promise<void> {
    await this.stop();
    await Promise.all(this.#crew.map((member) => member.end()));
  }

  async #kill(): Promise<void> {
    const deadline = performance.now() + KILLING_MS;
    while (performance.now() < deadline) {
      await wait(this.#random.between(300, 1500), undefined, { signal: this.#stopped.signal }).catch(() => undefined);
      if (this.#stopped.signal.aborted) return;
      // The oldest; one that is still starting has nothing to lose.
      const at = this.kills % WORKERS;
      if (!(await this.#crew[at]?.ready)) throw new Error(`a worker did not start: ${this.#crew[at]?.output ?? ''}`);
      await this.#crew[at]?.end();
      this.#crew[at] = new Member(this.#orders);
      this.kills++;
    }
  }
}

function toMarkdown(engine: EngineName, rounds: readonly Round[]): string {
  const sum = (of: (round: Round) => number): number => rounds.reduce((total, round) => total + of(round), 0);
  const figures = [
    engine,
    sum(({ runs }) => runs),
    sum(({ failedRuns }) => failedRuns),
    sum(({ cancelledRuns }) => cancelledRuns),
    sum(({ jobs }) => jobs),
    sum(({ nodes }) => nodes),
    sum(({ kills }) => kills),
    sum(({ hung }) => hung.length),
    sum(({ endedTwice }) => endedTwice.length),
    sum(({ wrong }) => wrong.length),
    sum(({ publishedTwice }) => publishedTwice.length),
    sum(({ left }) => left.length),
  ];
  return [
    '| engine | runs | failed, as they must | cancelled | jobs | results recomputed | kills | hung | ended twice | wrong | published twice | left over |',
    '|---|---|---|---|---|---|---|---|---|---|---|---|',
    `| ${figures.join(' | ')} |`,
  ].join('\n');
}
