import { tryIt } from '../gateway/try-it.ts';
import { tierTwoEndpoints, TierTwo } from '../tier2-gateway/main.ts';
import { PodWatch } from '#core/kubernetes/pod-watch';
import { PodEndpoints } from '../tier2-gateway/pools/pod-source.ts';
import { type Command, CommandError, parse } from './command.ts';
import { type Cluster, clusterOf, KUBERNETES_HELP, KUBERNETES_OPTIONS, TIER_TWO } from './kubernetes.ts';
import { commonOptions, log, serveTier, TIER_OPTIONS } from './serve.ts';
import { telemetryOf, TRACING_HELP } from './tracing.ts';

const HELP = `Usage: tierkit tier2 PATH… [OPTION…]

Serves tier two: routes to the InferencePools of a model cluster, and picks the pod that answers each request by its load and its
prefix cache. PATH is a file or a folder of Kubernetes YAML (Gateway API, InferencePool, Envoy AI Gateway). It is watched: a change is live
at once, a bad one is refused with the reasons. SIGHUP loads again, SIGTERM drains and stops.

  --port PORT                port of the first listener (default 1976); 0 takes a free one
  --admin-port PORT          /healthz /readyz /metrics /config /pools /explain/REQUEST-ID (default 1065)
  --admin-host ADDRESS       address of these (default 127.0.0.1; 0.0.0.0 for the probes of a cluster)
  --host ADDRESS             address to listen on (default 127.0.0.1; 0.0.0.0 for all)
  --peer-keys FILE           JWK set with tier one's public keys: then every request must carry a token that one of them signed
  --audience NAME            the name that tier one signs requests for (default models; tierkit.dev/tier-two on its AIServiceBackend)
  --signing-key FILE         Ed25519 private key (PEM) that signs usage receipts; the file's name is the key's id
  --secret-dir DIR           Secrets from mounted files: DIR/[NAMESPACE/]NAME/KEY; watched as well
  --unready DURATION         time after SIGTERM in which requests are still taken, and sent elsewhere (default 500ms)
  --drain DURATION           time for running requests after that (default 30s)
  --no-access-log            write no line for each request
  --debug-headers            answer x-tierkit-config to requests with x-tierkit-debug
${KUBERNETES_HELP}${TRACING_HELP}`;

const OPTIONS = { ...TIER_OPTIONS, ...KUBERNETES_OPTIONS, audience: { type: 'string', default: 'models' } } as const;

export const tier2: Command = {
  name: 'tier2',
  summary: 'serve tier two from files: InferencePools, and the picker of their pods',
  help: HELP,
  async run(args) {
    const { values, positionals } = parse(args, OPTIONS);
    if (positionals.length === 0 && values.kubernetes !== true)
      throw new CommandError('no PATH is given: tier two serves a file or folder of resources, or with --kubernetes those of a cluster');
    const common = commonOptions(values, { port: 1976, adminPort: 1065 });
    const cluster = await clusterOf(values, positionals, TIER_TWO);
    const sources = cluster?.sources ?? { paths: positionals, secretDir: values['secret-dir'], env: process.env };
    const { tracing, push } = await telemetryOf('ai-gateway-tier2');
    const pods = cluster === undefined ? undefined : podsOf(cluster);
    const tier = new TierTwo({ ...common, sources, audience: values.audience, tracing, pods });
    cluster?.measure(tier.metrics);
    return serveTier(tier, { ...common, tracing, push }, (host) =>
      common.keys.peers === undefined ? tryIt(tier.configuration.current, new Map(tier.ports), host, tierTwoEndpoints()) : undefined,
    );
  },
};

function podsOf({ client }: Cluster): PodEndpoints {
  return new PodEndpoints(
    (onChange) => new PodWatch({ client, log, onChange }),
    (message) => log('warn', message),
  );
}
