import { setTimeout as wait } from 'node:timers/promises';
import type { Engine } from '../engine/engine.ts';
import { OxbowError } from '../errors.ts';
import { answerMessage, toCall, type Answer, type Call, type Command } from '../fleet/message.ts';
import { ThrottledLog, type Logger } from '../log.ts';
import { setLogLevel } from './log-level.ts';
import type { WorkerState } from './state.ts';
import type { Steered } from './steered.ts';

export interface RemoteControlSource {
  readonly engine: Pick<Engine, 'broadcast' | 'onBroadcast'>;
  readonly id: string;
  readonly log: Logger;
  readonly worker: Steered;
  /** Resolves when the registry has what is true now. */
  readonly changed: () => Promise<void>;
}

const RETRY_MS = 1000;
const LAST_ANSWERS_MS = 2000;
const REMEMBERED = 1000;

/** Hears what a worker is told through its engine, does it, and answers. What is no call, or not for this worker, is passed over. */
export class RemoteControl {
  readonly #source: RemoteControlSource;
  readonly #errors: ThrottledLog;
  readonly #stopped = new AbortController();
  readonly #answering = new Set<Promise<void>>();
  /** Of the last calls, by what they are; a call that comes again is answered again, and not done. */
  readonly #answers = new Map<string, Promise<Answer>>();
  #deaf: (() => void) | undefined;

  constructor(source: RemoteControlSource) {
    this.#source = source;
    this.#errors = new ThrottledLog(source.log);
  }

  /** Resolves when calls are heard, or when the engine is away: then it goes on trying. */
  async start(): Promise<void> {
    if (!(await this.#listen())) void this.#keepTrying();
  }

  /** Resolves when what was asked has been answered; or after a while. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#deaf?.();
    if (this.#answering.size === 0) return;
    const late = new AbortController();
    await Promise.race([
      Promise.all(this.#answering),
      wait(LAST_ANSWERS_MS, undefined, { signal: late.signal, ref: false }).catch(() => undefined),
    ]);
    late.abort();
  }

  async #keepTrying(): Promise<void> {
    while (!this.#stopped.signal.aborted) {
      await wait(RETRY_MS, undefined, { ref: false });
      if (await this.#listen()) return;
    }
  }

  async #listen(): Promise<boolean> {
    try {
      const deaf = await this.#source.engine.onBroadcast(
        (message) => this.#heard(message),
        () => undefined,
      );
      if (this.#stopped.signal.aborted) deaf();
      else this.#deaf = deaf;
      return true;
    } catch (error) {
      this.#errors.error(error as Error, 'the worker does not hear the fleet for now');
      return false;
    }
  }

  #heard(message: string): void {
    const call = toCall(message);
    if (call === undefined || call.to?.includes(this.#source.id) === false) return;
    const answering = this.#answer(call).finally(() => this.#answering.delete(answering));
    this.#answering.add(answering);
  }

  async #answer(call: Call): Promise<void> {
    let answer = this.#answers.get(call.call);
    if (answer === undefined) {
      answer = this.#follow(call);
      this.#answers.set(call.call, answer);
      if (this.#answers.size > REMEMBERED) this.#answers.delete(this.#answers.keys().next().value as string);
    }
    await this.#source.engine
      .broadcast(answerMessage(await answer))
      .catch((error: Error) => this.#errors.error(error, 'a call of the fleet could not be answered'));
  }

  async #follow({ call, command }: Call): Promise<Answer> {
    const { id, changed } = this.#source;
    const answer = { call, worker: id, ...this.#do(command) };
    if (command !== undefined && command.kind !== 'ping') await changed();
    return answer;
  }

  #do(command: Command | undefined): Pick<Answer, 'error' | 'endsProcess'> {
    try {
      if (command === undefined) throw new OxbowError('invalid_options', 'This worker does not know the command: its Oxbow is older.');
      const endsProcess = this.#obey(command);
      this.#source.log.info({ command }, `the fleet: ${command.kind}`);
      return endsProcess === undefined ? {} : { endsProcess };
    } catch (error) {
      return { error: { code: OxbowError.is(error) ? error.code : 'unknown', message: (error as Error).message } };
    }
  }

  /** Whether the process ends, of a shutdown. */
  #obey(command: Command): boolean | undefined {
    const { worker, log } = this.#source;
    switch (command.kind) {
      case 'shutdown':
        return worker.shutdown();
      case 'drain':
        void worker.drain();
        break;
      case 'logLevel':
        setLogLevel(log, command.level ?? undefined);
        break;
      case 'pause':
      case 'resume':
        assertRunning(worker.state);
        worker[command.kind](command.queue);
        break;
      case 'resize':
        assertRunning(worker.state);
        worker.resize(command.queue, command.slots);
        break;
      case 'ping':
      case 'stats':
    }
    return undefined;
  }
}

function assertRunning({ id, phase }: WorkerState): void {
  if (phase !== 'running') throw new OxbowError('closed', `Worker ${id} is ${phase}.`);
}
