import { onPostgres } from '../testing/engines.ts';
import { transactionContract } from './transaction.contract.ts';

onPostgres(transactionContract);
