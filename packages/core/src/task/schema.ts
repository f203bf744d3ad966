import type { StandardSchemaV1 } from '@standard-schema/spec';
import { InvalidInputError, type Issue } from '../errors.ts';

/** Any schema library that speaks Standard Schema: zod, valibot, arktype, … */
export type Schema<In = unknown, Out = In> = StandardSchemaV1<In, Out>;
export type InputOf<S extends StandardSchemaV1> = StandardSchemaV1.InferInput<S>;
export type OutputOf<S extends StandardSchemaV1> = StandardSchemaV1.InferOutput<S>;

/**
 * The schema's output form of `value`: a promise only when the schema is asynchronous.
 * @throws InvalidInputError (also as a rejection) with every issue and its path.
 */
export function parse(schema: Schema, value: unknown, task: string, code: 'invalid_input' | 'invalid_output' = 'invalid_input'): unknown {
  const result = schema['~standard'].validate(value);
  if (result instanceof Promise) return result.then((settled) => accept(settled, task, code));
  return accept(result, task, code);
}

function accept(result: StandardSchemaV1.Result<unknown>, task: string, code: 'invalid_input' | 'invalid_output'): unknown {
  if (result.issues === undefined) return result.value;
  throw new InvalidInputError(task, result.issues.map(toIssue), code);
}

function toIssue(issue: StandardSchemaV1.Issue): Issue {
  const path = (issue.path ?? []).map((segment) => String(typeof segment === 'object' ? segment.key : segment)).join('.');
  return { message: issue.message, path };
}
