import { type Command, parse, UsageError } from './command.ts';
import { runOnboarding } from './onboarding.ts';

const HELP = `Usage: tierkit onboard NAME --model MODEL --owner TEAM [OPTION…]
       tierkit onboard --request FILE [OPTION…]

Writes what a team's model needs, as YAML for GitOps, to two folders with a kustomization.yaml each: DIR/NAME/model for the cluster of
the models (namespace NAME with quota, rights, policies, pods and route), DIR/NAME/gateway for that of tier one (route, key admission,
limits, budget). A model or a namespace that another team has is refused. The same team can ask again, to change something.

  --model MODEL                the name by which apps ask for it
  --owner TEAM                 the team: label of everything
  --group GROUP                group of the cluster's users that it is (default: TEAM)
  --contact TEXT               whom to ask

  --runtime RUNTIME            simulator, vllm or kserve (default simulator, to try it without a GPU)
  --source WEIGHTS             where the weights are (default: MODEL, where that is OWNER/NAME of Hugging Face)
  --replicas N                 pods (default 1)
  --gpus N                     GPUs of each pod (default 1, none of the simulator)

  --requests-per-minute N      limits of all apps of the team together (default: none)
  --tokens-per-minute N        input and output
  --budget USD                 in a month of the calendar; then refused
  --price INPUT/OUTPUT         USD for a million tokens, for the budget; "listed" where a PriceTable has it

  --request FILE               all this from a file (YAML) whose fields are name and these options; those given here go first
  --settings FILE              the settings of the platform, as "npm run render" takes them (default: namespaces and names as by default)
  --out DIR                    folder with a folder for each team (default teams)
  --force                      overwrite files that differ
  --dry-run                    write nothing, print the YAML
`;

const OPTIONS = {
  model: { type: 'string' },
  owner: { type: 'string' },
  group: { type: 'string' },
  contact: { type: 'string' },
  runtime: { type: 'string' },
  source: { type: 'string' },
  replicas: { type: 'string' },
  gpus: { type: 'string' },
  'requests-per-minute': { type: 'string' },
  'tokens-per-minute': { type: 'string' },
  budget: { type: 'string' },
  price: { type: 'string' },
  request: { type: 'string' },
  settings: { type: 'string' },
  out: { type: 'string', default: 'teams' },
  force: { type: 'boolean', default: false },
  'dry-run': { type: 'boolean', default: false },
} as const;

export const onboard: Command = {
  name: 'onboard',
  summary: "write the YAML of a team's model, for GitOps",
  help: HELP,
  run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [name, ...more] = positionals;
    if (more.length > 0) throw new UsageError(`give one NAME, not ${positionals.length}: ${positionals.join(' ')}`);
    const { request, settings, out, force, 'dry-run': dryRun, ...texts } = values;
    return runOnboarding('onboard', { texts: { ...texts, name }, request, settings, out, force, dryRun });
  },
};
