/** Takes the ```ts fences out of Markdown and makes programs of them. */

/** One fence, ready to be written to `file` beside the other fences of its page. */
export interface DocBlock {
  /** `README.md:12`: the line of the fence. */
  readonly where: string;
  readonly file: string;
  readonly code: string;
  /** False for `no-run`: its types are checked, and that is all. */
  readonly runs: boolean;
}

const FENCE = /^```(?:ts|typescript)\b(?<flags>[^\n]*)\n(?<code>[\s\S]*?)^```/gmu;
const EXPECTATION = /^(?<indent>\s*)(?<statement>.+?);? +\/\/ => (?<wanted>.+)$/u;
const DECLARATION = /^(?:const|let) (?<name>\w+)(?:: [^=]+)? = /u;
const PRINT = /^console\.log\((?<value>.+)\)$/u;

/**
 * Flags after ```ts: `no-run` (types only), `no-check` (left out altogether), `file=tasks.ts` (its name, so that later
 * blocks can import it), `continues` (goes on where the block before it ended).
 */
export function docBlocks(page: string, text: string): readonly DocBlock[] {
  const blocks: DocBlock[] = [];
  for (const match of text.matchAll(FENCE)) {
    const flags = (match.groups?.['flags'] ?? '').trim().split(/\s+/u);
    if (flags.includes('no-check')) continue;
    const before = flags.includes('continues') ? blocks.at(-1) : undefined;
    const line = text.slice(0, match.index).split('\n').length;
    const code = (match.groups?.['code'] ?? '').split('\n').map(withExpectation).join('\n');
    blocks.push({
      where: `${page}:${line}`,
      file: flags.find((flag) => flag.startsWith('file='))?.slice('file='.length) ?? `line-${line}.ts`,
      code: before === undefined ? code : `${before.code}\n${code}`,
      runs: !flags.includes('no-run'),
    });
  }
  return blocks;
}

/**
 * What stands at the end of a program with assertions, so that its lines keep their numbers; declarations are hoisted.
 * Not deepEqual itself: it narrows the type of what it is given.
 */
const ASSERTION = `
import { deepEqual } from 'node:assert/strict';
function expectEqual(actual: unknown, wanted: unknown): void {
  deepEqual(actual, wanted);
}
`;

/** The text of a module: a block without import or export would be a script, in which top-level await is refused. */
export function programOf({ code }: DocBlock): string {
  return `${code}\n${code.includes('expectEqual(') ? ASSERTION : ''}export {};\n`;
}

/** `total; // => 3`, `const total = f(); // => 3` and `console.log(total); // => 3` become assertions. */
function withExpectation(line: string): string {
  const groups = EXPECTATION.exec(line)?.groups;
  if (groups === undefined) return line;
  const { indent = '', statement = '', wanted = '' } = groups;
  const declared = DECLARATION.exec(statement)?.groups?.['name'];
  const value = declared ?? PRINT.exec(statement)?.groups?.['value'] ?? statement;
  const kept = declared === undefined ? '' : `${statement}; `;
  return `${indent}${kept}expectEqual(${value}, ${wanted});`;
}
