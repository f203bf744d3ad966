import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import type { App } from '@oxbow/core';
import { readLedger } from '@oxbow/faults';
import { Member } from './crew.ts';
import { EventCounts } from './event-counts.ts';
import { openJobs, START } from './evidence.ts';
import { NAMED, type NamedCanvas } from './named-canvases.ts';
import type { Orders } from './orders.ts';
import type { Site } from './site.ts';
import { openApp } from './tasks.ts';
import { findingsOf, judge, outcomeOf } from './verdict.ts';

/** The places in core's crashpoint.ts. Its test compares. */
export const POINTS = [
  'after-add-before-reply',
  'after-fetch-before-handler',
  'after-effect-before-record',
  'after-record-before-ack',
  'after-ack-before-signal',
  'end-taken-before-failed',
  'publish-before',
  'out-recorded-before-publish',
  'published-before-complete',
  'fan-out-added-before-complete',
  'failure-recorded-before-index',
  'indexed-before-fail',
  'failure-recorded-before-handlers',
  'handlers-before-fail',
  'replacement-recorded-before-add',
  'replacement-added-before-park',
  'cancel-child-added-before-end',
  'cancel-child-ended-before-rest',
  'after-put-back-before-exit',
] as const;

const PRODUCING = 'after-add-before-reply';
const CANCELLING: ReadonlySet<string> = new Set([
  'end-taken-before-failed',
  'cancel-child-added-before-end',
  'cancel-child-ended-before-rest',
]);
const DRAINING = 'after-put-back-before-exit';
/** One worker after the other dies the so-manieth time that it comes by; one more does not. */
const TIMES = ['1', '2', '3'];
/** Without a change in the number of open jobs. */
const STILL_MS = 60_000;
const LOOK_MS = 50;

export interface CaseResult {
  readonly crashes: number;
  readonly nodes: number;
  readonly findings: readonly string[];
}

/** One canvas whose workers die at one point, one after the other, until one of them survives. */
export async function crashCase(site: Site, name: string, point: string, number: number): Promise<CaseResult> {
  const canvas = NAMED[name];
  if (canvas === undefined) throw new Error(`no canvas is called "${name}"`);
  const orders: Orders = {
    role: 'worker',
    url: site.url,
    app: `crash_${number}`,
    ledger: join(site.folder, `crash-${number}`),
    lockMs: 1000,
    concurrency: 20,
    handlerMs: point === DRAINING ? 1500 : 5,
    drain: { softMs: 50, hardMs: 50 },
    notes: true,
  };
  const app = openApp(orders);
  await app.ready();
  await using events = new EventCounts(site.url, orders.app);
  try {
    return await new Case(app, orders, canvas, point).run(events);
  } finally {
    await app.close();
  }
}

class Case {
  readonly #app: App;
  readonly #orders: Orders;
  readonly #canvas: NamedCanvas;
  readonly #point: string;
  readonly #findings: string[] = [];
  #crashes = 0;
  #asked = false;

  constructor(app: App, orders: Orders, canvas: NamedCanvas, point: string) {
    this.#app = app;
    this.#orders = orders;
    this.#canvas = canvas;
    this.#point = point;
  }

  async run(events: EventCounts): Promise<CaseResult> {
    const tree = this.#canvas.tree('c');
    const id = this.#point === PRODUCING ? await this.#produce() : (await this.#app.signature(tree).enqueue(START as never)).id;
    for (const time of [...TIMES, undefined]) if (await this.#work(id, time)) break;
    const outcome = await outcomeOf(this.#app.run(id), 1000);
    const verdict = await judge(this.#app, events, {
      runs: [{ tree, id, cancelled: this.#canvas.cancelled === true }],
      outcomes: [outcome],
      ledger: this.#orders.ledger,
    });
    return { crashes: this.#crashes, nodes: verdict.nodes, findings: [...this.#findings, ...findingsOf(verdict)] };
  }

  /** By a process that dies when the run is there. */
  async #produce(): Promise<string> {
    const producer = new Member({ ...this.#orders, role: 'producer' }, `${this.#point}:1`);
    if (!(await producer.ready)) this.#findings.push(`the producer did not start: ${producer.output}`);
    const reply = await producer.ask({ kind: 'enqueue', tree: this.#canvas.tree('c') });
    if (reply === undefined) this.#crashes++;
    await producer.end();
    if (reply?.kind === 'enqueued') return reply.id;
    const jobs = await Promise.all(['fast', 'slow'].map((queue) => this.#app.queue(queue).getJobs()));
    const root = jobs.flat().find((job) => /^\w+$/u.test(job.id ?? ''));
    if (root === undefined) throw new Error(`the run is not there: ${reply?.kind === 'refused' ? reply.message : 'nothing was added'}`);
    return `${root.id}@${root.queueName}`;
  }

  /** True when nothing is left to do. */
  async #work(id: string, time: string | undefined): Promise<boolean> {
    const armed = time !== undefined && this.#point !== PRODUCING;
    const before = this.#starts();
    const member = new Member(this.#orders, armed ? `${this.#point}:${time}` : '');
    void this.#disturb(member, id, before, armed);
    let left = -1;
    for (let deadline = 0; !member.hasExited && left !== 0; await wait(LOOK_MS)) {
      const open = await openJobs(this.#app);
      if (open !== left) deadline = performance.now() + STILL_MS;
      else if (performance.now() > deadline) break;
      left = open;
    }
    const isOver = !member.hasExited;
    await member.end();
    const how = await member.exited;
    if (!isOver && how === 'SIGKILL') this.#crashes++;
    // A drain that put jobs back ends with 1.
    else if (!isOver && how !== 0 && this.#point !== DRAINING) this.#findings.push(`a worker ended with ${how}: ${member.output}`);
    return isOver;
  }

  /** What is done to a worker that runs. */
  async #disturb(member: Member, id: string, before: number, armed: boolean): Promise<void> {
    if (this.#point === DRAINING && armed && (await this.#started(member, before + 1))) member.signal('SIGTERM');
    if (this.#canvas.cancelled !== true || this.#asked || !(await this.#started(member, this.#crashes === 0 ? before + 2 : before))) return;
    const reply = (await member.ready) ? await member.ask({ kind: 'cancel', id }) : undefined;
    // Where a cancel dies at a point of its own, somebody else must finish it; another one was perhaps never begun.
    this.#asked = reply !== undefined || CANCELLING.has(this.#point);
  }

  async #started(member: Member, count: number): Promise<boolean> {
    while (!member.hasExited && this.#starts() < count) await wait(LOOK_MS);
    return !member.hasExited;
  }

  #starts(): number {
    return readLedger(this.#orders.ledger).filter(({ word }) => word === 'start').length;
  }
}
