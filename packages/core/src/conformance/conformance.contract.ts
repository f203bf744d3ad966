import type { TestEngine } from '../testing/engines.ts';
import { scenes } from '../testing/scene.ts';
import { cancelCases } from './cancel.contract.ts';
import { chainCases } from './chains.contract.ts';
import { chordFailureCases } from './chord-failures.contract.ts';
import { chordCases } from './chords.contract.ts';
import { combinedCases } from './combined.contract.ts';
import { groupCases } from './groups.contract.ts';
import { jsonCases } from './json.contract.ts';
import { mapCases } from './maps.contract.ts';
import { nestedCases } from './nested.contract.ts';
import { optionCases } from './options.contract.ts';
import { policyCases } from './policies.contract.ts';
import { randomCases } from './random.contract.ts';
import { replaceCases } from './replace.contract.ts';
import { replacementCases } from './replacements.contract.ts';
import { resultCases } from './results.contract.ts';
import { runStateCases } from './run-state.contract.ts';
import { scopeCases } from './scopes.contract.ts';
import { largeGroupCases, shapeCases } from './shapes.contract.ts';
import { signatureCases } from './signatures.contract.ts';
import { valueCases } from './values.contract.ts';

/** The cases of docs/canvas-conformance.md, each under its number, on one app and one worker. */
export function conformance(engine: TestEngine): void {
  const scene = scenes(engine);
  signatureCases(scene);
  chainCases(scene);
  groupCases(scene);
  chordCases(scene);
  chordFailureCases(scene);
  nestedCases(scene);
  mapCases(scene);
  resultCases(scene);
  optionCases(scene);
  replaceCases(scene);
  cancelCases(scene);
  jsonCases(scene);
  policyCases(scene);
  replacementCases(scene);
  runStateCases(scene);
  scopeCases(scene);
  shapeCases(scene);
  if (engine.kind !== 'embedded') largeGroupCases(scene);
  valueCases(scene);
  combinedCases(scene);
  randomCases(scene);
}
