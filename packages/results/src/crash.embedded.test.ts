import { describe } from 'vitest';
import { crashContract } from './crash.contract.ts';

describe('a stored result on the embedded engine', () => crashContract({ url: undefined, discard: () => Promise.resolve() }));
