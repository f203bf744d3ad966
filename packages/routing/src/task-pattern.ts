import { OxbowError } from '@oxbow/core';

/** Whether a name is what a pattern says, in which `*` stands for any characters and `?` for one. @throws OxbowError `invalid_options` */
export function compilePattern(pattern: string, what: string): (name: string) => boolean {
  if (!/^[\w.*?-]{1,128}$/u.test(pattern))
    throw new OxbowError(
      'invalid_options',
      `${what}: "${pattern}" is no pattern of names: letters, digits, ".", "_" and "-", "*" for any of them, "?" for one.`,
    );
  const expression = new RegExp(
    `^${pattern.replaceAll(/\*+/gu, '*').replaceAll('.', '\\.').replaceAll('*', '.*').replaceAll('?', '.')}$`,
    'u',
  );
  return (name) => expression.test(name);
}
