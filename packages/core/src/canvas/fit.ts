/** How signatures fit together: types alone. */
import type { AnySignature, GivenBy, Signature, TakenBy } from './signature.ts';

export type { AnySignature, EnqueueArguments, GivenBy, SignatureTypes, TakenBy } from './signature.ts';

/** The compiler shows it where a step does not fit. */
export interface Misfit<Gives, Takes> {
  readonly 'this step does not take what the step before gives': { readonly gives: Gives; readonly takes: Takes };
}

/** `unknown` when `S` takes a `Gives`, else what makes the compiler complain. */
export type Fit<Gives, S extends AnySignature> = S extends Signature<Gives, unknown> ? unknown : Misfit<Gives, TakenBy<S>>;

/** Each step but the first must take what the one before gives. */
export type Fitting<Steps extends readonly AnySignature[]> = {
  readonly [Index in keyof Steps]: Index extends keyof Before<Steps> ? FitAfter<Before<Steps>[Index], Steps[Index]> : unknown;
};

type Before<Steps extends readonly AnySignature[]> = readonly [never, ...Steps];
type FitAfter<Previous, S extends AnySignature> = [Previous] extends [never]
  ? unknown
  : Previous extends AnySignature
    ? Fit<GivenBy<Previous>, S>
    : unknown;

export type First<Steps extends readonly AnySignature[]> = Steps extends readonly [infer S extends AnySignature, ...unknown[]]
  ? S
  : Steps[number];
export type Last<Steps extends readonly AnySignature[]> = Steps extends readonly [...unknown[], infer S extends AnySignature]
  ? S
  : Steps[number];

/** What all of them take, each. */
export type TakenByEach<S extends AnySignature> = [S] extends [never]
  ? unknown
  : (S extends unknown ? NonNullable<S['~types']>['takes'] : never) extends (input: infer In) => void
    ? In
    : never;

/** What members give, in their order. */
export type GivenByEach<Members extends readonly AnySignature[]> = { -readonly [Index in keyof Members]: GivenBy<Members[Index]> };
