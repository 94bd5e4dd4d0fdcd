import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { EXAMPLE, findConfiguration } from '../../../infra/local/configuration.ts';
import { makeKeys } from '../../../infra/local/keys.ts';
import { addressesOf, HOST, plan, type Ports, SIMULATED, wantedPorts } from '../../../infra/local/plan.ts';
import type { Stage } from '../../../infra/local/platform.ts';
import { findPorts } from '../../../infra/local/ports.ts';
import { tenants, type TenantLimit, tierOneAlone, tierTwoAlone } from './resources.ts';

const TIERKIT = fileURLToPath(new URL('../../../cli/tierkit.js', import.meta.url));
/** For requests under way at the end: the load has stopped by then. */
const DRAIN = '1s';

/** Processes to start, and the variables that tell the scripts where they are. */
export interface Processes {
  readonly stages: readonly Stage[];
  readonly env: Readonly<Record<string, string>>;
  /** Takes away what only they need. */
  readonly remove: () => void;
}

/** Both tiers and their pods, as `npm start` has them, on ports that are free. */
export async function wholePlatform(speed: number, anyPort: boolean): Promise<Processes> {
  const first = anyPort ? [0, 0, 0, 0, 0] : [1975, 1064, 1976, 1065, 8000];
  const [tierOne = 0, tierOneAdmin = 0, tierTwo = 0, tierTwoAdmin = 0, pods = 0] = first;
  const wishes = Object.entries(wantedPorts({ tierOne, tierOneAdmin, tierTwo, tierTwoAdmin, pods }));
  const found = await findPorts(wishes.map(([, wish]) => wish));
  const ports = Object.fromEntries(wishes.map(([name], index) => [name, found[index]!.port])) as Record<keyof Ports, number>;
  const keys = makeKeys();
  const settings = { configuration: findConfiguration(EXAMPLE), ports, keys, speed, drain: DRAIN, accessLog: false };
  return {
    stages: plan(settings, process.env),
    env: {
      BASE_URL: `http://${HOST}:${ports.tierOne}`,
      POD_URLS: addressesOf(SIMULATED[0]!, ports)
        .map((address) => `http://${address}`)
        .join(','),
    },
    remove: () => keys.remove(),
  };
}

export interface Beside {
  readonly model: string;
  readonly pods: readonly string[];
  /** For the files of the resources. */
  readonly folder: string;
  readonly one: boolean;
  readonly two: boolean;
  readonly tenants: TenantLimit | undefined;
}

/** Each tier alone, and a tier one with tenants, in front of the same pods. */
export async function besidePlatform({ model, pods, folder, ...wanted }: Beside): Promise<Processes> {
  const found = await findPorts(
    ['one', 'one-admin', 'two', 'two-admin', 'tenants', 'tenants-admin'].map((process) => ({ process, port: 0 })),
  );
  const [one, oneAdmin, two, twoAdmin, limited, limitedAdmin] = found.map(({ port }) => port) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  mkdirSync(folder, { recursive: true });
  const tier = (name: string, command: string, yaml: string, port: number, admin: number) => {
    const file = join(folder, `${name}.yaml`);
    writeFileSync(file, yaml);
    const args = [TIERKIT, command, file, `--port=${port}`, `--admin-port=${admin}`, `--drain=${DRAIN}`, '--no-access-log'];
    return { name, args, env: process.env, probes: [`http://${HOST}:${admin}/readyz`] };
  };
  const needsTwo = wanted.two || wanted.tenants !== undefined;
  const first: Stage = [
    ...(needsTwo ? [tier('tier-two-alone', 'tier2', tierTwoAlone(model, pods), two, twoAdmin)] : []),
    ...(wanted.one ? [tier('tier-one-alone', 'run', tierOneAlone(model, pods), one, oneAdmin)] : []),
  ];
  const second: Stage =
    wanted.tenants === undefined
      ? []
      : [tier('tier-one-tenants', 'run', tenants(model, urlOf(two), wanted.tenants), limited, limitedAdmin)];
  return {
    stages: [first, second].filter((stage) => stage.length > 0),
    env: {
      ...(wanted.one ? { TIER_ONE_URL: urlOf(one) } : {}),
      ...(wanted.two ? { TIER_TWO_URL: urlOf(two) } : {}),
      ...(wanted.tenants === undefined ? {} : { TENANTS_URL: urlOf(limited), TENANT_KEYS: keysText(wanted.tenants.keys) }),
    },
    remove: () => undefined,
  };
}

function keysText(keys: TenantLimit['keys']): string {
  return Object.entries(keys)
    .map(([tenant, key]) => `${tenant}=${key}`)
    .join(',');
}

function urlOf(port: number): string {
  return `http://${HOST}:${port}`;
}
