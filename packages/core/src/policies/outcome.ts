/** What one attempt came to. Policies see outcomes, never thrown errors: those became outcomes at one edge. */
export type Outcome =
  | { readonly kind: 'succeeded'; readonly value: unknown }
  /** Final. */
  | { readonly kind: 'failed'; readonly error: Error }
  /** `delayMs` undefined: the backoff that a plain BullMQ job brought itself. */
  | { readonly kind: 'retry'; readonly error: Error; readonly delayMs: number | undefined }
  /** No attempt used. */
  | { readonly kind: 'put-back'; readonly delayMs: number; readonly reason: string }
  | { readonly kind: 'cancelled'; readonly error: Error }
  | { readonly kind: 'expired'; readonly error: Error }
  /** `ctx.replace`: it goes on when the signature that replaces it has ended; no attempt used. */
  | { readonly kind: 'replaced' };
