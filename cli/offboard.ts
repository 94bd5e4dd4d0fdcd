import { type Command, parse, UsageError } from './command.ts';
import { runOnboarding } from './onboarding.ts';

const HELP = `Usage: tierkit offboard NAME [OPTION…]

Prints how a team's model goes, step by step with the commands: its route at tier one first, then a wait for what is under way, then
policies and keys, then the pods and the namespace. It does none of it.

  --from DIR         folder that "tierkit onboard" wrote to (default teams)
  --settings FILE    the settings of the platform, as for "tierkit onboard"
  --out FILE         write the plan to a file
`;

const OPTIONS = {
  from: { type: 'string', default: 'teams' },
  settings: { type: 'string' },
  out: { type: 'string' },
} as const;

export const offboard: Command = {
  name: 'offboard',
  summary: "print the steps by which a team's model goes",
  help: HELP,
  run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    const [name, ...more] = positionals;
    if (name === undefined || more.length > 0) throw new UsageError('give one NAME: that of the namespace');
    return runOnboarding('offboard', { name, ...values });
  },
};
