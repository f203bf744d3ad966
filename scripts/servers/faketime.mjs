import { installDebian, onPath } from './process.mjs';

/** Debian's faketime, installed when root: tests start processes under it whose clock is off. Resolves to why there is none, undefined when there is. */
export async function provideFaketime() {
  if ((await onPath('faketime')) !== undefined) return undefined;
  if (process.getuid?.() !== 0) return 'no faketime on the path, and not root to install it';
  if ((await onPath('apt-get')) === undefined) return 'no faketime on the path, and no apt-get to install it';
  const failure = await installDebian('faketime');
  return (await onPath('faketime')) === undefined
    ? `installing faketime failed: ${failure ?? 'the package has no such binary'}`
    : undefined;
}
