import type { StoreState } from '@oxbow/faults';
import { openOxbow } from './oxbow-side.ts';
import type { Orders } from './orders.ts';
import { openRaw } from './raw-side.ts';

/** One rival. Ids are the store's. */
export interface Side {
  /** Resolves to the id when the store has the job. */
  add(n: string, options: { readonly delayMs: number; readonly padding: string }): Promise<string>;
  /** The same, with a text of the caller's as id, if the side takes one. @throws when it refuses the text */
  addHostile(n: string, text: string): Promise<string>;
  state(id: string): Promise<StoreState>;
  count(): Promise<number>;
  /** Works until the process is told to end. Resolves when it fetches. */
  work(handle: (n: string) => Promise<void>): Promise<void>;
}

export function openSide(orders: Orders): Side {
  return orders.side === 'oxbow' ? openOxbow(orders) : openRaw(orders);
}
