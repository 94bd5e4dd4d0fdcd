import { resolve } from 'node:path';

import { InvalidTraceSettings } from '#core/telemetry/trace/settings';

import { findConfiguration, NoConfiguration } from '../infra/local/configuration.ts';
import { NoPart, readParts } from '../infra/local/observe/parts.ts';
import { NoPort } from '../infra/local/ports.ts';
import { isTerminal, jsonScreen, textScreen } from '../infra/local/screen.ts';
import { type ObserveOptions, runSession } from '../infra/local/session.ts';
import { type Command, CommandError, durationOf, parse, portOf, UsageError } from './command.ts';

const HELP = `Usage: tierkit up [FOLDER] [OPTION…]

Runs the whole platform on this machine: tier one, tier two, and three simulated pods of the models demo-small (with the LoRA adapter
demo-small-sql) and demo-large, each as a process of its own. What crashes is started again. Ctrl-C stops all in order, a second one at once.

FOLDER holds the resources of the tiers: tier-one and tier-two, each a folder or a .yaml file (default: the bundled
examples/two-tiers). They can use \${TIERKIT_TIER_TWO_PORT}, \${TIERKIT_PODS_SMALL} and \${TIERKIT_PODS_LARGE}.

Where traces go anywhere, prompts and answers are in them, unless OPENINFERENCE_HIDE_INPUTS or OPENINFERENCE_HIDE_OUTPUTS is set.

A port that is taken shifts to the next free one; 0 takes any free one.
  --port PORT                  tier one (default 1975)
  --admin-port PORT            its /readyz /metrics /config (default 1064)
  --tier-two-port PORT         tier two (default 1976)
  --tier-two-admin-port PORT   its /readyz /metrics /config (default 1065)
  --pods-port PORT             the first of three in a row for the pods (default 8000)

  --observe[=PART,…]           also run these of prometheus, phoenix and jaeger (default: what is on PATH; docker runs what is needed
                               beside that). With an OTEL_EXPORTER_OTLP_ENDPOINT of your own, traces go there alone
  --observe-dir DIR            keep their data there (default: it is removed at the end)
  --prometheus-port PORT       (default 9090)
  --phoenix-port PORT          (default 6006)
  --jaeger-port PORT           its pages (default 16686)
  --jaeger-otlp-port PORT      where it takes traces (default 4318)

  --speed FACTOR               how many times faster than in reality the pods are (default 1)
  --drain DURATION             time for running requests when it stops (default 10s)
  --no-restart                 end everything when one process ends
  --verbose                    show every line of every process, and of the access logs
  --json                       write one JSON object for each event, and nothing else
`;

const OPTIONS = {
  port: { type: 'string', default: '1975' },
  'admin-port': { type: 'string', default: '1064' },
  'tier-two-port': { type: 'string', default: '1976' },
  'tier-two-admin-port': { type: 'string', default: '1065' },
  'pods-port': { type: 'string', default: '8000' },
  observe: { type: 'string' },
  'observe-dir': { type: 'string' },
  'prometheus-port': { type: 'string', default: '9090' },
  'phoenix-port': { type: 'string', default: '6006' },
  'jaeger-port': { type: 'string', default: '16686' },
  'jaeger-otlp-port': { type: 'string', default: '4318' },
  speed: { type: 'string', default: '1' },
  drain: { type: 'string', default: '10s' },
  'no-restart': { type: 'boolean' },
  verbose: { type: 'boolean' },
  json: { type: 'boolean' },
} as const;

export const up: Command = {
  name: 'up',
  summary: 'run both tiers and simulated pods on this machine',
  help: HELP,
  async run(args) {
    // Without a value it must not take the next word for one.
    const { values, positionals } = parse(
      args.map((each) => (each === '--observe' ? '--observe=' : each)),
      OPTIONS,
    );
    if (positionals.length > 1) throw new UsageError('give one folder, which has the resources of both tiers');
    const speed = Number(values.speed);
    if (!(speed > 0)) throw new UsageError(`--speed must be a number above 0, not "${values.speed}"`);
    const drainMs = durationOf(values.drain, 'drain', '10s');
    const verbose = values.verbose ?? false;
    const report =
      values.json === true
        ? jsonScreen(process.stdout, verbose)
        : textScreen(process.stdout, { terminal: isTerminal(process.stdout, process.env), verbose });
    try {
      const failure = await runSession({
        configuration: findConfiguration(positionals[0]),
        ports: {
          tierOne: portOf(values.port, 'port'),
          tierOneAdmin: portOf(values['admin-port'], 'admin-port'),
          tierTwo: portOf(values['tier-two-port'], 'tier-two-port'),
          tierTwoAdmin: portOf(values['tier-two-admin-port'], 'tier-two-admin-port'),
          pods: portOf(values['pods-port'], 'pods-port'),
        },
        observe: observeOf(values),
        speed,
        drain: { text: values.drain, ms: drainMs },
        accessLog: verbose,
        restart: values['no-restart'] !== true,
        report,
      });
      if (failure !== undefined) throw new CommandError(failure);
      return 0;
    } catch (error) {
      if (MENDABLE.some((kind) => error instanceof kind)) throw new CommandError((error as Error).message, { cause: error });
      throw error;
    }
  },
};

const MENDABLE = [NoConfiguration, NoPort, NoPart, InvalidTraceSettings];

function observeOf(values: Readonly<Record<string, string | boolean | undefined>>): ObserveOptions | undefined {
  const text = (name: string) => String(values[name]);
  if (values['observe'] === undefined) {
    if (values['observe-dir'] !== undefined) throw new UsageError('--observe-dir says where the data of --observe is kept: give both');
    return undefined;
  }
  if (values['observe-dir'] === '') throw new UsageError('--observe-dir must be a folder');
  return {
    wish: partsOf(text('observe')),
    ports: {
      prometheus: portOf(text('prometheus-port'), 'prometheus-port'),
      phoenix: portOf(text('phoenix-port'), 'phoenix-port'),
      jaeger: portOf(text('jaeger-port'), 'jaeger-port'),
      jaegerOtlp: portOf(text('jaeger-otlp-port'), 'jaeger-otlp-port'),
    },
    folder: values['observe-dir'] === undefined ? undefined : resolve(text('observe-dir')),
  };
}

function partsOf(text: string): ObserveOptions['wish'] {
  try {
    return readParts(text);
  } catch (error) {
    if (error instanceof NoPart) throw new UsageError(`--observe: ${error.message}`, { cause: error });
    throw error;
  }
}
