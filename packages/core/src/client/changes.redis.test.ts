import { Redis } from 'ioredis';
import { onRedis } from '../testing/engines.ts';
import { changesContract, cutChangesContract } from './changes.contract.ts';

onRedis((engine) => {
  changesContract(engine);
  cutChangesContract(engine, async (app) => {
    const client = new Redis(engine.url);
    const list = (await client.client('LIST')) as string;
    for (const [, id = ''] of list.matchAll(new RegExp(`^id=(\\d+) .* name=\\{?oxbow:${app}[:}]`, 'gmu')))
      await client.client('KILL', 'ID', id);
    client.disconnect();
  });
});
