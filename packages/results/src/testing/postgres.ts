import { fromEnvironment } from './from-environment.ts';

export const postgresUrl: string = fromEnvironment('OXBOW_TEST_POSTGRES_URL');
