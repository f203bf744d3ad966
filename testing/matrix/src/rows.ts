import type { Row } from './row.ts';
import { edgeRows } from './rows/edges.ts';
import { memoryRow } from './rows/memory.ts';
import { networkRows } from './rows/network.ts';
import { processRows } from './rows/processes.ts';
import { serverRows } from './rows/server.ts';

/** Numbers as in docs/reliability.md. */
export const ROWS: readonly Row[] = [...processRows, memoryRow, ...networkRows, ...serverRows, ...edgeRows];
