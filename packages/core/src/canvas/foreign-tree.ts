import * as z from 'zod/mini';
import { InvalidCanvasError, OxbowError } from '../errors.ts';
import { assertName } from '../task/name.ts';
import { parseOptions } from '../task/options.ts';
import { encodePayload, type PayloadLimits } from '../task/payload.ts';
import { distinct, MAX_DEPTH, sound, wrongPolicy } from './compose.ts';
import { parseSignatureOptions } from './signature-options.ts';
import { wrongKey, wrongPartial } from './task-signature.ts';
import type { ChainTree, ChordTree, GroupTree, JoinPolicy, TaskTree, Tree } from './tree.ts';

/** What JSON of a canvas is read against. */
export interface ForeignRules {
  readonly limits: PayloadLimits;
  /** Whether the app has a task of this name. */
  readonly knows: (task: string) => boolean;
}

const common = {
  options: z.optional(z.unknown()),
  links: z.optional(z.array(z.unknown())),
  errors: z.optional(z.array(z.unknown())),
};
const yes = z.optional(z.literal(true));

/** One node each; what is inside is read by the next. */
const nodes = {
  task: z.strictObject({
    type: z.literal('task'),
    task: z.string(),
    input: z.optional(z.unknown()),
    immutable: yes,
    receive: z.optional(z.string()),
    map: yes,
    ...common,
  }),
  chain: z.strictObject({
    type: z.literal('chain'),
    steps: z.array(z.unknown()).check(z.minLength(1, 'a chain has at least one step')),
    ...common,
  }),
  group: z.strictObject({
    type: z.literal('group'),
    members: z.array(z.unknown()),
    join: z.optional(z.union([z.enum(['failFast', 'settle', 'ignore']), z.strictObject({ quorum: z.number() })])),
    cancelRest: yes,
    ...common,
  }),
  chord: z.strictObject({ type: z.literal('chord'), header: z.optional(z.unknown()), body: z.optional(z.unknown()), ...common }),
} as const;

/**
 * A tree out of JSON that somebody else wrote: only what builders make passes.
 * @throws InvalidCanvasError with the path
 */
export function parseTree(json: unknown, rules: ForeignRules): Tree {
  return new Reader(rules).read(json, '', 1);
}

class Reader {
  readonly #rules: ForeignRules;

  constructor(rules: ForeignRules) {
    this.#rules = rules;
  }

  read(json: unknown, path: string, depth: number): Tree {
    if (depth > MAX_DEPTH)
      throw new InvalidCanvasError(path, `Signatures lie inside one another at most ${MAX_DEPTH} deep; this is deeper.`);
    const type = typeof json === 'object' && json !== null ? (json as { readonly type?: unknown }).type : undefined;
    switch (type) {
      case 'task':
        return this.#task(json, path, depth);
      case 'chain':
        return this.#chain(json, path, depth);
      case 'group':
        return this.#group(json, path, depth);
      case 'chord':
        return this.#chord(json, path, depth);
      default:
        throw new InvalidCanvasError(path, 'is no signature: an object with the type task, chain, group or chord.');
    }
  }

  #task(json: unknown, path: string, depth: number): TaskTree {
    const node = at(path, () => parseOptions(nodes.task, json, 'signature'));
    const { task, input, immutable, receive, map } = node;
    at(path, () => assertName('task', task));
    if (!this.#rules.knows(task)) throw new InvalidCanvasError(path, `The app has no task "${task}": declare it, also as a contract.`);
    const wrong = wrongTask(node);
    if (wrong !== undefined) throw new InvalidCanvasError(path, wrong);
    return sound({
      type: 'task',
      task,
      ...('input' in node ? { input: at(path, () => this.#input(input)) } : {}),
      ...(immutable === undefined ? {} : { immutable }),
      ...(receive === undefined ? {} : { receive }),
      ...(map === undefined ? {} : { map }),
      ...this.#common(node, path, depth),
    });
  }

  #input(input: unknown): unknown {
    return JSON.parse(encodePayload(input, 'input', this.#rules.limits));
  }

  #chain(json: unknown, path: string, depth: number): ChainTree {
    const node = at(path, () => parseOptions(nodes.chain, json, 'chain'));
    return sound({ type: 'chain', steps: this.#list(node.steps, below(path, 'steps'), depth), ...this.#common(node, path, depth) });
  }

  #group(json: unknown, path: string, depth: number): GroupTree {
    const node = at(path, () => parseOptions(nodes.group, json, 'group'));
    const { join, cancelRest } = node;
    const wrong = wrongPolicy(join, cancelRest, node.members.length);
    if (wrong !== undefined) throw new InvalidCanvasError(path, wrong);
    return sound({
      type: 'group',
      members: this.#list(node.members, below(path, 'members'), depth),
      ...(join === undefined ? {} : { join: join as JoinPolicy }),
      ...(cancelRest === undefined ? {} : { cancelRest }),
      ...this.#common(node, path, depth),
    });
  }

  #chord(json: unknown, path: string, depth: number): ChordTree {
    const node = at(path, () => parseOptions(nodes.chord, json, 'chord'));
    const header = this.read(node.header, below(path, 'header'), depth + 1);
    if (header.type !== 'group') throw new InvalidCanvasError(below(path, 'header'), `A chord's header is a group, not a ${header.type}.`);
    const body = this.read(node.body, below(path, 'body'), depth + 1);
    return sound({ type: 'chord', header, body, ...this.#common(node, path, depth) });
  }

  #common(node: Common, path: string, depth: number): Pick<Tree, 'options' | 'links' | 'errors'> {
    const { options, links, errors } = node;
    return {
      ...(options === undefined ? {} : { options: at(path, () => parseSignatureOptions(options, 'options')) }),
      ...this.#extra('links', links, path, depth),
      ...this.#extra('errors', errors, path, depth),
    };
  }

  #extra(part: 'links' | 'errors', list: Common['links'], path: string, depth: number): Pick<Tree, 'links' | 'errors'> {
    return list === undefined || list.length === 0 ? {} : { [part]: distinct(this.#list(list, below(path, part), depth)) };
  }

  #list(list: readonly unknown[], path: string, depth: number): readonly Tree[] {
    return list.map((json, index) => this.read(json, below(path, index), depth + 1));
  }
}

interface Common {
  readonly options?: unknown;
  readonly links?: readonly unknown[] | undefined;
  readonly errors?: readonly unknown[] | undefined;
}

/** Why no builder makes such a task, or undefined. */
function wrongTask(node: z.infer<typeof nodes.task>): string | undefined {
  const { input, immutable, receive, map } = node;
  if (map !== undefined && (!Array.isArray(input) || immutable === undefined)) return 'map goes with a list as input, and with immutable.';
  if (receive !== undefined) return immutable === undefined ? wrongKey(receive) : 'An immutable signature receives nothing.';
  return immutable === undefined && input !== undefined ? wrongPartial(input) : undefined;
}

function below(path: string, part: string | number): string {
  return path === '' ? String(part) : `${path}.${part}`;
}

/** What is wrong with a part is wrong with the canvas. */
function at<T>(path: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (OxbowError.is(error)) throw new InvalidCanvasError(path, error.message);
    throw error;
  }
}
