import { readFileSync } from 'node:fs';

/** Lines that fixture processes have written so far: a word and what it is about. */
export function readLedger(file: string): readonly { readonly word: string; readonly about: string }[] {
  let text = '';
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    // Nobody has written yet.
  }
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => {
      const [word = '', ...about] = line.split(' ');
      return { word, about: about.join(' ') };
    });
}

export function entries(file: string, word: string): readonly string[] {
  return readLedger(file).flatMap((line) => (line.word === word ? [line.about] : []));
}
