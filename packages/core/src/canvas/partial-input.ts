/** What of a task's input a partial input leaves open: types alone. */

/** Part of a task's input: of an object, some of its fields. Other inputs are given whole, with `si`. */
export type PartialInput<In> = unknown extends In ? Readonly<Record<string, unknown>> : PartOf<NonNullable<In>>;
type PartOf<In> = In extends readonly unknown[] ? never : In extends object ? Partial<In> : never;

/** Refuses fields that the task's input has not. */
export type NoOthers<Given, In> = unknown extends In ? unknown : { readonly [Key in Exclude<keyof Given, KeyOf<In>>]: never };

/** What a partial input still lacks. */
export type Lacking<In, Given> = unknown extends In ? Mergeable | null | undefined : Open<Rest<NonNullable<In>, SurelyGiven<Given>>>;

/** With all required fields given: an object, whose fields are merged in, or nothing. */
type Open<Lacks> = [RequiredKey<Lacks>] extends [never] ? Fields<Lacks> | null | undefined : Lacks;
type Fields<Lacks> = [keyof Lacks] extends [never] ? Mergeable : Mergeable & Lacks;

/** Not a list: its items are no fields. */
type Mergeable = object & { readonly [Symbol.iterator]?: never };

type Rest<In, Keys extends PropertyKey> = In extends object ? Simplified<Omit<In, Keys>> : never;
type Simplified<T> = { [Key in keyof T]: T[Key] };

/** Fields that are there whatever the value: not optional, not undefined. */
type SurelyGiven<Given> = { [Key in keyof Given]-?: undefined extends Given[Key] ? never : Key }[keyof Given];

export type KeyOf<T> = T extends unknown ? keyof T : never;

type RequiredKey<T> = T extends unknown ? { [Key in keyof T]-?: object extends Pick<T, Key> ? never : Key }[keyof T] : never;

/** Fields that `.receive(key)` can name. */
export type ReceivableKey<In> = Extract<KeyOf<NonNullable<In>>, string>;

/** What lands under the key. */
export type Received<In, Key> =
  NonNullable<In> extends infer Object_ ? (Object_ extends unknown ? At<Required<Object_>, Key> : never) : never;
type At<T, Key> = Key extends keyof T ? T[Key] : never;

/** `unknown` when nothing but the key lacks, else what makes the compiler complain. */
export type OthersGiven<In, Key> = [Exclude<RequiredKey<NonNullable<In>>, Key>] extends [never]
  ? unknown
  : { readonly 'the partial input must have': Exclude<RequiredKey<NonNullable<In>>, Key> };
