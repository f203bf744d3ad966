/** Of the user: ends what his startup made. */
export type Shutdown<Deps> = (deps: Deps) => void | Promise<void>;

/**
 * Ends the life of what a startup made: by `shutdown`; without one, by what it says itself (`Symbol.asyncDispose`, else `Symbol.dispose`), should it say
 * anything. Rejects with what that throws.
 */
export async function dispose<Deps>(deps: Deps, shutdown: Shutdown<Deps> | undefined): Promise<void> {
  if (shutdown !== undefined) return shutdown(deps);
  const own = deps as Partial<AsyncDisposable & Disposable> | null | undefined;
  const end: unknown = own?.[Symbol.asyncDispose] ?? own?.[Symbol.dispose];
  if (typeof end === 'function') await (end as () => unknown).call(deps);
}
