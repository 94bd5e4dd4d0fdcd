// For tests: what `npm start` runs, in one process and on free ports.
import { join } from 'node:path';

import { TierKeys } from '#core/tiers/keys';

import { TierOne } from '../../gateway/main.ts';
import { makeKeys } from '../../infra/local/keys.ts';
import { readOptions } from '../../kserve/simulator/main.ts';
import { startPods } from '../../kserve/simulator/start.ts';
import { TierTwo } from '../../tier2-gateway/main.ts';

export interface Tiers {
  /** Of tier one. */
  readonly url: string;
  readonly one: TierOne;
  readonly two: TierTwo;
  readonly accessLog: Record<string, unknown>[];
  close(): Promise<void>;
}

function source(file: string, env: Record<string, string>) {
  return { paths: [join(import.meta.dirname, file)], env };
}

/** @param speed how many times faster than in reality the pods are */
export async function startTiers(speed = 1): Promise<Tiers> {
  const simulate = (...args: string[]) => startPods(readOptions([...args, '--port', '0', '--speed', String(speed)]));
  const small = await simulate('--model', 'demo-small', '--pods', '2', '--lora', 'demo-small-sql');
  const large = await simulate('--model', 'demo-large');
  const files = makeKeys();
  const keys = [files.tierOne, files.tierTwo].map((own) => new TierKeys(own, () => undefined)) as [TierKeys, TierKeys];
  const accessLog: Record<string, unknown>[] = [];
  const common = { host: '127.0.0.1', port: 0, adminPort: 0, drainMs: 0, log: () => undefined };
  const addresses = (pods: typeof small) => pods.map(({ url }) => new URL(url).host).join(',');
  const two = new TierTwo({
    ...common,
    keys: keys[1],
    audience: 'models',
    accessLog: undefined,
    sources: source('tier-two.yaml', { TIERKIT_PODS_SMALL: addresses(small), TIERKIT_PODS_LARGE: addresses(large) }),
  });
  await two.start();
  const one = new TierOne({
    ...common,
    keys: keys[0],
    accessLog: (line) => void accessLog.push(JSON.parse(JSON.stringify(line)) as Record<string, unknown>),
    sources: source('tier-one.yaml', { TIERKIT_TIER_TWO_PORT: String([...two.ports.values()][0]) }),
  });
  await one.start();
  return {
    url: `http://127.0.0.1:${[...one.ports.values()][0]}`,
    one,
    two,
    accessLog,
    async close() {
      await one.stop();
      await two.stop();
      for (const each of keys) each.close();
      files.remove();
      await Promise.all([...small, ...large].map((pod) => pod.close()));
    },
  };
}
