import type { Ranked, Ranking } from './ranking.ts';

const WIDTH = 960;
const LEFT = 330;
const RIGHT = 60;
const TOP = 112;
const ROW = 30;
const BAR = 18;
const FOOT = 76;

/** Readable on light and on dark pages: it brings its own background and follows the reader's setting. */
const STYLE = `
    text { font-family: system-ui, -apple-system, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif; font-size: 14px; }
    .title { font-size: 22px; font-weight: 600; }
    .code, .value { font-weight: 600; font-variant-numeric: tabular-nums; }
    .small { font-size: 12px; }
    .value { paint-order: stroke; stroke: #ffffff; stroke-width: 4px; }
    .page { fill: #ffffff; }
    .ink { fill: #1f2933; }
    .soft { fill: #52606d; }
    .bar { fill: #b7791f; }
    .grid { stroke: #e4e7eb; }
    .axis { stroke: #9aa5b1; }
    .mean { stroke: #1f2933; stroke-dasharray: 4 4; }
    @media (prefers-color-scheme: dark) {
      .value { stroke: #14181d; }
      .page { fill: #14181d; }
      .ink { fill: #e6eaee; }
      .soft { fill: #a3afbb; }
      .bar { fill: #e0a94a; }
      .grid { stroke: #2a313a; }
      .axis { stroke: #5c6873; }
      .mean { stroke: #e6eaee; }
    }`;

/** A bar chart of the airports with the largest mean delay, as an SVG document. */
export function drawChart({ worst, flights, meanDelay, fewest }: Ranking): string {
  const bottom = TOP + worst.length * ROW;
  const step = tickStep(Math.max(1, ...worst.map((ranked) => ranked.meanDelay)));
  const end = step * Math.max(1, Math.ceil(Math.max(0, ...worst.map((ranked) => ranked.meanDelay)) / step));
  const x = (minutes: number): number => round(LEFT + (Math.max(0, minutes) / end) * (WIDTH - LEFT - RIGHT));
  const ticks = Array.from({ length: Math.round(end / step) + 1 }, (_, index) => index * step);
  const [first] = worst;
  const title =
    first === undefined
      ? 'No flights'
      : `Flights from ${escape(first.airport.code)} arrived ${first.meanDelay.toFixed(1)} minutes late on average`;
  const subtitle = `The ${worst.length} airports with the largest mean arrival delay of the flights that left there`;
  return `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${bottom + FOOT}" width="${WIDTH}" height="${bottom + FOOT}" role="img" aria-labelledby="title subtitle">
  <title id="title">${title}</title>
  <desc id="subtitle">${subtitle}</desc>
  <style>${STYLE}
  </style>
  <rect class="page" width="100%" height="100%" rx="8"/>
  <text class="title ink" x="24" y="42">${title}</text>
  <text class="soft" x="24" y="68">${subtitle}</text>
${ticks.map((minutes) => drawTick(x(minutes), minutes, bottom)).join('\n')}
${worst.map((ranked, index) => drawBar(ranked, TOP + index * ROW, x)).join('\n')}
  <line class="axis" x1="${LEFT}" y1="${TOP - 4}" x2="${LEFT}" y2="${bottom}"/>
${drawMean(x(meanDelay), meanDelay, bottom)}
  <text class="soft" x="${(LEFT + WIDTH - RIGHT) / 2}" y="${bottom + 42}" text-anchor="middle">Mean arrival delay in minutes</text>
  <text class="small soft" x="24" y="${bottom + FOOT - 12}">${flights.toLocaleString('en-US')} US flights of early 2001; airports with at least ${fewest.toLocaleString('en-US')} departures. Data: US Bureau of Transportation Statistics, via vega-datasets.</text>
</svg>
`;
}

function drawBar({ airport, meanDelay }: Ranked, top: number, x: (minutes: number) => number): string {
  const middle = top + ROW / 2 + 5;
  return [
    `  <text class="code ink" x="24" y="${middle}">${escape(airport.code)}</text>`,
    `  <text class="ink" x="68" y="${middle}">${escape(shorten(airport.name, 33))}</text>`,
    `  <rect class="bar" x="${LEFT}" y="${top + (ROW - BAR) / 2}" width="${round(x(meanDelay) - LEFT)}" height="${BAR}" rx="2"/>`,
    `  <text class="value ink" x="${x(meanDelay) + 8}" y="${middle}">${meanDelay.toFixed(1)}</text>`,
  ].join('\n');
}

function drawTick(x: number, minutes: number, bottom: number): string {
  return [
    `  <line class="grid" x1="${x}" y1="${TOP - 4}" x2="${x}" y2="${bottom}"/>`,
    `  <text class="small soft" x="${x}" y="${bottom + 18}" text-anchor="middle">${minutes}</text>`,
  ].join('\n');
}

function drawMean(x: number, meanDelay: number, bottom: number): string {
  return [
    `  <line class="mean" x1="${x}" y1="${TOP - 4}" x2="${x}" y2="${bottom}"/>`,
    `  <text class="small ink" x="${x}" y="${TOP - 10}" text-anchor="middle">all airports ${meanDelay.toFixed(1)}</text>`,
  ].join('\n');
}

/** A round number of minutes, so that the axis has four to eight ticks. */
function tickStep(largest: number): number {
  return [1, 2, 5, 10, 20, 50, 100, 200, 500].find((step) => largest / step <= 8) ?? 1_000;
}

function shorten(text: string, length: number): string {
  return text.length <= length ? text : `${text.slice(0, length - 1).trimEnd()}…`;
}

function escape(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
