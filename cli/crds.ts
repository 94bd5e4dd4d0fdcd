import { crdsYaml } from '#core/resources/crd/crd';
import { OWN_KINDS, type OwnKind } from '#core/resources/crd/own-kinds';
import { didYouMean } from '#core/resources/nearest';

import { type Command, parse, UsageError } from './command.ts';

const NAMES = OWN_KINDS.map(({ definition }) => definition.kind);

const HELP = `Usage: tierkit crds [KIND…]

Prints the CustomResourceDefinitions of Tierkit's own kinds as YAML, for a cluster: tierkit crds | kubectl apply -f -
KIND is ${NAMES.join(', ')} (default: all). They are made of the schemas that the gateway itself checks these kinds with.
`;

export const crds: Command = {
  name: 'crds',
  summary: 'print the CustomResourceDefinitions of our own kinds',
  help: HELP,
  run(args) {
    const { positionals } = parse(args, {});
    process.stdout.write(crdsYaml(positionals.length === 0 ? OWN_KINDS : positionals.map(kindOf)));
    return Promise.resolve(0);
  },
};

/** @param name of the kind, or its plural, in any case */
function kindOf(name: string): OwnKind {
  const lower = name.toLowerCase();
  const found = OWN_KINDS.find(({ definition, plural }) => definition.kind.toLowerCase() === lower || plural === lower);
  if (found === undefined)
    throw new UsageError(`there is no kind "${name}" of ours${didYouMean(name, NAMES)} (kinds: ${NAMES.join(', ')})`);
  return found;
}
