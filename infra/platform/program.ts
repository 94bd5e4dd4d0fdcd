import * as pulumi from '@pulumi/pulumi';

import { clusterNames } from '../charts/clusters.ts';
import type { AddressOf, Part } from '../charts/part.ts';
import { platform } from '../charts/platform.ts';
import type { Settings } from '../settings.ts';
import type { FindAddress } from './addresses.ts';
import { crdProvidersOf, providersOf } from './clusters.ts';
import { componentOf, type Making, PlatformComponent } from './components.ts';
import { readCrds } from './crds.ts';
import type { ObjectArgs } from './kubernetes-resource.ts';
import { ManifestSet } from './manifest-set.ts';
import { outputsOf, type PlatformOutputs } from './outputs.ts';
import { secretOf, secretProblems, type SecretPlaces } from './secrets.ts';

export type { PlatformOutputs };

export interface ProgramOptions {
  readonly settings: Settings;
  /** @default those of the settings */
  readonly parts?: readonly Part[];
  readonly secrets: SecretPlaces;
  readonly findAddress: FindAddress;
}

/**
 * Registers the whole platform.
 * @throws RunError with everything that is wrong with its secrets; NoCrds
 */
export async function deploy({ settings, parts = platform(settings), secrets, findAddress }: ProgramOptions): Promise<PlatformOutputs> {
  const problems = secretProblems(parts, secrets);
  if (problems.length > 0) throw new pulumi.RunError(problems.map(({ path, message }) => `${path}: ${message}`).join('\n'));
  const dependsOn = await installCrds(settings, secrets.folder);
  const making: Making = {
    secretsOf: (part) => part.secrets.flatMap((need): ObjectArgs[] => asList(secretOf(need, secrets, refuse))),
    made: new Map(),
    providers: providersOf(settings.clusters),
    dependsOn,
  };
  const components = new Map<string, PlatformComponent>();
  const componentFor = (part: Part): PlatformComponent => {
    const { kind, name } = componentOf(part);
    const component = components.get(name) ?? new PlatformComponent(kind, name, making);
    components.set(name, component);
    return component;
  };
  for (const part of parts) componentFor(part).add(part);
  const find = addressFinder(making, findAddress);
  for (const part of parts) componentFor(part).addLate(part, find);
  return outputsOf(settings, parts, secrets.generated, find);
}

/** An address, once the object that gets it is made. In the preview that makes it, it is unknown. */
function addressFinder({ made }: Making, find: FindAddress): (address: AddressOf) => pulumi.Output<string> {
  const known = new Map<string, pulumi.Output<string>>();
  return (address) => {
    const { part, of, namespace, name } = address;
    const path = `${of}/${namespace}/${name}`;
    const resource = made.get(part)?.resources.get(path);
    if (resource === undefined) throw new Error(`part "${part}" has no ${path} to take an address of`);
    const key = `${part}:${path}`;
    const output = known.get(key) ?? resource.id.apply(() => find(address));
    known.set(key, output);
    return output;
  };
}

/** Brings the CRDs to each cluster. They stay when the stack goes: with a CRD would go every object of its kind, whoever made it. */
async function installCrds(settings: Settings, folder: string): Promise<ManifestSet[]> {
  const { crds, clusters } = settings;
  if (crds.length === 0) return [];
  const objects = await readCrds(crds, folder);
  return [...crdProvidersOf(clusters, clusterNames(settings))].map(
    ([name, provider]) => new ManifestSet(`${name}-crds`, { objects, retain: true }, { provider }),
  );
}

function refuse(path: string, message: string): never {
  throw new Error(`${path}: ${message}`);
}

function asList<T>(value: T | undefined): T[] {
  return value === undefined ? [] : [value];
}
