import type { RunTree } from '@oxbow/core';

const MARKS: Partial<Record<RunTree['status'], string>> = { succeeded: '✔', failed: '✘', cancelled: '✘', expired: '✘', skipped: '–' };

/** A run as lines of text. Members of a group that look alike, and have ended alike, share one. */
export function treeLines(tree: RunTree): readonly string[] {
  return [label(tree, 1), ...branches(tree.children)];
}

function branches(trees: readonly RunTree[]): readonly string[] {
  const alike = fold(trees);
  return alike.flatMap(({ tree, times }, index) => {
    const last = index === alike.length - 1;
    const [head, ...rest] = [label(tree, times), ...branches(tree.children)];
    return [`${last ? '└─ ' : '├─ '}${head}`, ...rest.map((line) => `${last ? '   ' : '│  '}${line}`)];
  });
}

/** Neighbours without children that have the same label. */
function fold(trees: readonly RunTree[]): readonly { readonly tree: RunTree; readonly times: number }[] {
  const folded: { readonly tree: RunTree; times: number }[] = [];
  for (const tree of trees) {
    const before = folded.at(-1);
    if (before !== undefined && tree.children.length === 0 && label(before.tree, 1) === label(tree, 1)) before.times += 1;
    else folded.push({ tree, times: 1 });
  }
  return folded;
}

function label({ type, task, status }: RunTree, times: number): string {
  return `${MARKS[status] ?? '…'} ${times > 1 ? `${times} × ` : ''}${task ?? type}: ${status}`;
}
