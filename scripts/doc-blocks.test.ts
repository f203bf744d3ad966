import { expect, it } from 'vitest';
import { docBlocks } from './doc-blocks.ts';

const fence = (flags: string, code: string): string => `text\n\`\`\`ts${flags}\n${code}\n\`\`\`\n`;

it('turns an expectation into an assertion and keeps what it declares', () => {
  const [block] = docBlocks('a.md', fence('', 'const x = f(1); // => 2\nx + 1; // => 3\nconsole.log(x); // => 2'));
  const lines = block?.code.split('\n') ?? [];
  expect(lines[0]).toBe('const x = f(1); expectEqual(x, 2);');
  expect(lines[1]).toBe('expectEqual(x + 1, 3);');
  expect(lines[2]).toBe('expectEqual(x, 2);');
});

it('obeys the flags', () => {
  const text = fence('', 'one();') + fence(' continues', 'two();') + fence(' no-check', 'three') + fence(' no-run file=four.ts', 'four();');
  const blocks = docBlocks('a.md', text);
  expect(blocks.map(({ file, runs }) => [file, runs])).toEqual([
    ['line-2.ts', true],
    ['line-6.ts', true],
    ['four.ts', false],
  ]);
  expect(blocks[1]?.code).toBe('one();\n\ntwo();\n');
});

it('leaves other languages and plain comments alone', () => {
  expect(docBlocks('a.md', '```sh\nnpm i\n```\n')).toEqual([]);
  expect(docBlocks('a.md', fence('', 'f(); // plain'))[0]?.code).toBe('f(); // plain\n');
});
