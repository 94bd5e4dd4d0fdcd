import { fileURLToPath } from 'node:url';

import type { Configuration } from './configuration.ts';
import { type Keys, KEYS_VARIABLE, type KeyFiles } from './keys.ts';
import type { Stage } from './platform.ts';
import type { WantedPorts } from './ports.ts';

/** The first of each process's ports. */
export interface Ports {
  readonly tierOne: number;
  readonly tierOneAdmin: number;
  readonly tierTwo: number;
  readonly tierTwoAdmin: number;
  readonly podsSmall: number;
  readonly podsLarge: number;
}

/** Everything that decides which processes run, and how. */
export interface LocalSettings {
  readonly configuration: Configuration;
  readonly ports: Ports;
  readonly keys: Keys;
  /** How many times faster than in reality the simulated pods are. */
  readonly speed: number;
  /** Time that a tier has for the requests under way when it stops, as `30s`. */
  readonly drain: string;
  readonly accessLog: boolean;
}

interface SimulatedModel {
  readonly process: string;
  readonly model: string;
  readonly pods: number;
  readonly loras: readonly string[];
  readonly port: 'podsSmall' | 'podsLarge';
  /** Tells tier two's resources where the pods are. */
  readonly variable: string;
}

export const SIMULATED: readonly SimulatedModel[] = [
  {
    process: 'pods-small',
    model: 'demo-small',
    pods: 2,
    loras: ['demo-small-sql'],
    port: 'podsSmall',
    variable: 'TIERKIT_PODS_SMALL',
  },
  { process: 'pods-large', model: 'demo-large', pods: 1, loras: [], port: 'podsLarge', variable: 'TIERKIT_PODS_LARGE' },
];

export const HOST = '127.0.0.1';

const TIERKIT = fileURLToPath(new URL('../../cli/tierkit.js', import.meta.url));

/** What `findPorts` is asked for, by the names in `Ports`. */
export function wantedPorts(first: Omit<Ports, 'podsSmall' | 'podsLarge'> & { readonly pods: number }): Record<keyof Ports, WantedPorts> {
  const [small, large] = SIMULATED as [SimulatedModel, SimulatedModel];
  return {
    tierOne: { process: 'tier-one', port: first.tierOne },
    tierOneAdmin: { process: 'tier-one (admin)', port: first.tierOneAdmin },
    tierTwo: { process: 'tier-two', port: first.tierTwo },
    tierTwoAdmin: { process: 'tier-two (admin)', port: first.tierTwoAdmin },
    podsSmall: { process: small.process, port: first.pods, count: small.pods },
    podsLarge: { process: large.process, port: first.pods === 0 ? 0 : first.pods + small.pods, count: large.pods },
  };
}

/** @returns `HOST:PORT` of each pod */
export function addressesOf({ pods, port }: SimulatedModel, ports: Ports): string[] {
  return Array.from({ length: pods }, (_, index) => `${HOST}:${ports[port] + index}`);
}

/** The processes in the order of their start: pods, tier two, tier one. @param env what they inherit */
export function plan(settings: LocalSettings, env: NodeJS.ProcessEnv): Stage[] {
  const { configuration, ports, keys, speed } = settings;
  const inherited = {
    ...env,
    [KEYS_VARIABLE]: keys.folder,
    TIERKIT_TIER_TWO_PORT: String(ports.tierTwo),
    ...Object.fromEntries(SIMULATED.map((each) => [each.variable, addressesOf(each, ports).join(',')])),
  };
  const pods = SIMULATED.map((each) => ({
    name: each.process,
    args: [
      TIERKIT,
      'sim',
      `--model=${each.model}`,
      `--pods=${each.pods}`,
      `--port=${ports[each.port]}`,
      `--speed=${speed}`,
      ...each.loras.map((name) => `--lora=${name}`),
    ],
    env: inherited,
    probes: addressesOf(each, ports).map((address) => `http://${address}/health`),
  }));
  const tier = (name: string, command: string, path: string, port: number, adminPort: number, own: KeyFiles) => ({
    name,
    args: [
      TIERKIT,
      command,
      path,
      `--port=${port}`,
      `--admin-port=${adminPort}`,
      `--drain=${settings.drain}`,
      `--signing-key=${own.signingKey}`,
      `--peer-keys=${own.peerKeys}`,
      ...(settings.accessLog ? [] : ['--no-access-log']),
    ],
    env: inherited,
    probes: [`http://${HOST}:${adminPort}/readyz`],
  });
  return [
    pods,
    [tier('tier-two', 'tier2', configuration.tierTwo, ports.tierTwo, ports.tierTwoAdmin, keys.tierTwo)],
    [tier('tier-one', 'run', configuration.tierOne, ports.tierOne, ports.tierOneAdmin, keys.tierOne)],
  ];
}
