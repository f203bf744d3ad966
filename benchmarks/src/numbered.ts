import { z } from 'zod';

/** What the jobs of the benchmarks are given, checked as most users do. */
export const numbered: z.ZodType<{ n: number }, { n: number }> = z.object({ n: z.number() });
