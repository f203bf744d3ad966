import type { Side, SideName } from './sides.ts';

/** Each side loads only what is its own: their memory is compared. `checked` false: Oxbow's has no schema either, and zod is loaded on neither side. */
export async function openSide(name: SideName, url: string, app: string, checked = true): Promise<Side> {
  if (name === 'raw') {
    const { rawSide, rawSite } = await import('./raw-side.ts');
    return rawSide(await rawSite(url, app), app);
  }
  const { benchApp, oxbowSide } = await import('./oxbow-side.ts');
  const opened = benchApp(url, app, name === 'counted');
  if (name === 'metered') (await import('@oxbow/metrics')).createMetrics(opened);
  return oxbowSide(opened, checked ? (await import('./numbered.ts')).numbered : undefined);
}
