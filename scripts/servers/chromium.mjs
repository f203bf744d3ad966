import { installDebian, onPath } from './process.mjs';

const NAMES = ['chromium', 'chromium-browser', 'google-chrome', 'google-chrome-stable'];

/**
 * A Chromium for examples that have a page: OXBOW_TEST_CHROMIUM, a binary on the path, or Debian's when root.
 *
 * @returns {Promise<{ path: string, reason?: undefined } | { path?: undefined, reason: string }>}
 */
export async function provideChromium() {
  const found = process.env.OXBOW_TEST_CHROMIUM || (await binary());
  if (found !== undefined) return { path: found };
  const none = 'no OXBOW_TEST_CHROMIUM, no chromium on the path';
  if (process.getuid?.() !== 0) return { reason: `${none} and not root to install one` };
  if ((await onPath('apt-get')) === undefined) return { reason: `${none} and no apt-get to install one` };
  const failure = await installDebian('chromium');
  const path = await binary();
  return path === undefined ? { reason: `${none} and installing it failed: ${failure ?? 'the package has no such binary'}` } : { path };
}

async function binary() {
  for (const name of NAMES) {
    const path = await onPath(name);
    if (path !== undefined) return path;
  }
  return undefined;
}
