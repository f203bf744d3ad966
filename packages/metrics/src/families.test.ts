import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { FAMILIES } from './families.ts';

it('docs/metrics.md lists every family, with its type and its labels, where it comes from', () => {
  const page = readFileSync(new URL('../../../docs/metrics.md', import.meta.url), 'utf8');
  const [, ofProcess = '', ofCluster = ''] = page.split(/^### Of (?:this process|the engine)$/mu);
  const listed = [ofProcess, ofCluster].map((part) =>
    [...part.split('\n## ')[0]!.matchAll(/^\| `oxbow_(?<name>\w+)` \| (?<type>\w+) \| (?<labels>[^|]*) \|/gmu)].map(
      ({ groups }) => `${groups?.['name']} ${groups?.['type']} ${groups?.['labels']?.replaceAll('`', '').trim()}`,
    ),
  );
  const made = (['process', 'cluster'] as const).map((source) =>
    Object.entries(FAMILIES).flatMap(([name, family]) =>
      family.source === source ? [`${name} ${family.type} ${family.labels.join(' ')}`.trim()] : [],
    ),
  );
  expect(listed.map((part) => part.map((line) => line.trim()).toSorted())).toEqual(made.map((part) => part.toSorted()));
});
