import { run } from '../run.mjs';
import { installDebian, onPath } from './process.mjs';

/**
 * Prometheus and its promtool for tests of what is scraped: OXBOW_TEST_PROMETHEUS and OXBOW_TEST_PROMTOOL, binaries on the
 * path, or Debian's when root, whose service is not started.
 *
 * @returns {Promise<{ prometheus: string, promtool: string, label: string, reason?: undefined } | { prometheus?: undefined, promtool?: undefined, reason: string }>}
 */
export async function providePrometheus() {
  const found = await binaries();
  if (found !== undefined) return found;
  const none = 'no OXBOW_TEST_PROMETHEUS and OXBOW_TEST_PROMTOOL, no prometheus and promtool on the path';
  if (process.getuid?.() !== 0) return { reason: `${none} and not root to install them` };
  if ((await onPath('apt-get')) === undefined) return { reason: `${none} and no apt-get to install them` };
  const failure = await installDebian('prometheus');
  return (await binaries()) ?? { reason: `${none} and installing them failed: ${failure ?? 'the package has no such binaries'}` };
}

async function binaries() {
  const prometheus = process.env.OXBOW_TEST_PROMETHEUS || (await onPath('prometheus'));
  const promtool = process.env.OXBOW_TEST_PROMTOOL || (await onPath('promtool'));
  if (prometheus === undefined || promtool === undefined) return undefined;
  const { output } = await run(prometheus, ['--version'], { capture: true });
  return { prometheus, promtool, label: /^prometheus, version \S+/u.exec(output)?.[0].replace(', version', '') ?? prometheus };
}
