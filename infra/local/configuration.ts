import { existsSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The resources of each tier: a file or a folder, absolute. */
export interface Configuration {
  readonly tierOne: string;
  readonly tierTwo: string;
}

/** The folder does not hold what a platform needs. */
export class NoConfiguration extends Error {
  override readonly name = 'NoConfiguration';
}

/** Two tiers in front of simulated pods. */
export const EXAMPLE = resolve(import.meta.dirname, '../../examples/two-tiers');

/** Whether it is the bundled one. */
export function isExample({ tierOne }: Configuration): boolean {
  return tierOne.startsWith(EXAMPLE);
}

/**
 * Finds `tier-one` and `tier-two` in a folder: each a folder, or a file that ends in .yaml or .yml.
 * @throws NoConfiguration
 */
export function findConfiguration(folder: string = EXAMPLE): Configuration {
  const find = (name: string) => {
    const names = [name, `${name}.yaml`, `${name}.yml`];
    const present = names.filter((each) => existsSync(join(folder, each)));
    const [first] = present;
    if (first === undefined) {
      const why = existsSync(folder) ? `has neither ${names.join(' nor ')}` : 'does not exist';
      throw new NoConfiguration(
        `${folder} ${why}; the resources of the tiers are tier-one and tier-two there, each a folder or a .yaml file`,
      );
    }
    if (present.length > 1) throw new NoConfiguration(`${folder} has ${present.join(' and ')}: keep one of them`);
    return resolve(folder, first);
  };
  return { tierOne: find('tier-one'), tierTwo: find('tier-two') };
}
