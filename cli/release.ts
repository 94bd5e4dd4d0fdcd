import { type Command, parse, UsageError } from './command.ts';
import { runOnboarding } from './onboarding.ts';

const HELP = `Usage: tierkit release NAME [STEP] [OPTION…]

Brings a new version of a team's model, in the YAML that "tierkit onboard" wrote. Both versions have pods of their own, and tier two shares
the requests out between them: tier one, its keys, limits and budget change nothing. Without a STEP: which versions there are.

  start VERSION      pods of VERSION beside those that run, without requests; x-tierkit-version: VERSION leads a request there
    --source WEIGHTS   its weights (default: as they are)
    --image IMAGE      of its pods (default: as it is)
    --replicas N       of its pods (default: as many as there are)
  weight PERCENT     how much of the requests VERSION gets
  promote            all of them
  rollback           none of them
  finish             after promote: VERSION stays, and the pods of the other go. After rollback: VERSION goes

  --from DIR         folder that "tierkit onboard" wrote to (default teams)
  --settings FILE    the settings of the platform, as for "tierkit onboard"
  --dry-run          write nothing, print the YAML
`;

const OPTIONS = {
  source: { type: 'string' },
  image: { type: 'string' },
  replicas: { type: 'string' },
  from: { type: 'string', default: 'teams' },
  settings: { type: 'string' },
  'dry-run': { type: 'boolean', default: false },
} as const;

export const release: Command = {
  name: 'release',
  summary: "bring a new version of a team's model: canary, promote, roll back",
  help: HELP,
  run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [name, step, argument, ...more] = positionals;
    if (name === undefined) throw new UsageError('give a NAME: that of the namespace');
    if (more.length > 0) throw new UsageError(`give one NAME, one STEP and what it takes, not more: ${more.join(' ')}`);
    const { source, image, replicas, from, settings, 'dry-run': dryRun } = values;
    return runOnboarding('release', { name, texts: { step, argument, source, image, replicas }, settings, from, dryRun });
  },
};
