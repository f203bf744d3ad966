import { onEmbedded } from '../testing/engines.ts';
import { transactionContract } from './transaction.contract.ts';

onEmbedded(transactionContract);
