import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';

const page = await readFile(fileURLToPath(new URL('../../../../docs/canvas-conformance.md', import.meta.url)), 'utf8');
const here = fileURLToPath(new URL('.', import.meta.url));
/** As many as Celery gave. */
const ALL = 109;

/** The rows of the table under a heading, as first and second column. */
function table(heading: string): readonly (readonly [string, string])[] {
  const section = page.split(/^## /mu).find((text) => text.startsWith(heading)) ?? '';
  const rows = [...section.matchAll(/^\| (?<first>[\w-]+) \| (?<second>.+) \|$/gmu)];
  return rows.slice(1).map(({ groups }) => [groups?.['first'] ?? '', groups?.['second'] ?? '']);
}

async function casesIn(file: string): Promise<readonly string[]> {
  const source = await readFile(`${here}${file}`, 'utf8');
  const ids = [...source.matchAll(/'(?<id>\d+[a-z]?): /gu)].map(({ groups }) => groups?.['id'] ?? '');
  return [...new Set(ids)].toSorted((a, b) => a.localeCompare(b, 'en', { numeric: true }));
}

describe('docs/canvas-conformance.md', () => {
  const tested = table('Cases that are tests');
  const none = table('Cases that are none');

  it('names exactly the cases that each file tests', async () => {
    const files = (await readdir(here)).filter((name) => name.endsWith('.contract.ts'));
    const found = await Promise.all(
      files.map(async (file) => [file.replace('.contract.ts', ''), (await casesIn(file)).join(' ')] as const),
    );
    expect(Object.fromEntries(tested)).toEqual(Object.fromEntries(found.filter(([, cases]) => cases !== '')));
  });

  it('leaves none of the cases out', () => {
    const ids = [...tested.flatMap(([, cases]) => cases.split(' ')), ...none.map(([id]) => id)];
    expect(new Set(ids).size).toBe(ids.length);
    expect(ids).toHaveLength(ALL);
  });

  it('says why a case is no test', () => {
    expect(none.length).toBeGreaterThan(0);
    for (const [, why] of none) expect(why.length).toBeGreaterThan(10);
  });
});
