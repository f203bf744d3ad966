import { onPostgres } from '../testing/engines.ts';
import { placesCrashContract } from './places-crash.contract.ts';

// All of them on Redis.
onPostgres((engine) => placesCrashContract(engine, ['place-refused-before-put-back', 'place-released-before-end']));
