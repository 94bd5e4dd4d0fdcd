import type { Definition } from '#core/telemetry/metrics/definition';
import { ERROR_TYPES } from '#core/telemetry/metrics/error-type';
import { METRICS, RESERVED } from '#core/telemetry/metrics/table';

interface ProcessMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
}

const TIERS = { one: 'one', two: 'two', epp: 'picker' } as const;

/** `docs/metrics.md`, of the table of metrics. @param own metrics of the process, which prom-client has */
export function metricsPage(own: readonly ProcessMetric[]): string {
  const rows: Definition[] = Object.values(METRICS);
  return `# Metrics

<!-- Made by "node observability/generate.ts" of core/telemetry/metrics/table.ts: change that, not this page. -->

Each process serves its metrics at \`/metrics\` of its admin port: 1064 for tier one, 1065 for tier two. A scraper that asks for OpenMetrics,
as Prometheus does, gets exemplars as well: \`trace_id\` of a request that fell into the bucket, where it was traced.
[\`observability/prometheus\`](../observability/prometheus) has a scrape configuration, recording rules and alerts,
[\`observability/dashboards\`](../observability/dashboards) the dashboards, [\`observability/runbooks\`](../observability/runbooks) a page for each alert.

## Names of others

- \`gen_ai_*\`: names, labels and buckets of Envoy AI Gateway, so that its dashboards work. Only tier one has them: with both tiers scraped, no
  token is counted twice. What differs: \`error_type\` says what failed (there it is always \`_OTHER\`); time to first token ends at the first event
  with content, not at the first byte; the duration begins with the request, not with the attempt; the labels \`otel_scope_*\` are left out.
- \`llm_d_epp_*\` and \`inference_pool_*\`: names of llm-d's router and of the Gateway API Inference Extension. Added: \`pool_namespace\`, as pools of two
  namespaces may have one name.
- \`tierkit_*\`: what these do not have.
- ${RESERVED.map((name) => `\`${name}\``).join(' ')}: of MCP, the reference’s and those of OpenTelemetry’s conventions. They are not
  served yet, and no other metric takes their names.

## Headers as labels

\`OTEL_AIGW_METRICS_REQUEST_HEADER_ATTRIBUTES=x-tenant-id:tenant.id\` puts the label \`tenant_id\` on the reference's four metrics; by default there is none. What
\`OTEL_AIGW_REQUEST_HEADER_ATTRIBUTES\` maps counts as well, as there, but for \`session.id\`, which has a new value for each conversation. Of each header the first
200 values that succeed have series of their own. A header that a SecurityPolicy sets counts with the policy's value. Names that these metrics have already,
headers that carry credentials, and \`session.id\` of metrics alone stop the start; a value that looks like a key is \`other\`.

## Bounds

Every label has a bounded number of values. Names of the configuration stand for themselves. Names that clients can influence (models beyond
those of the routes, client ids, tenants) have series of their own for the first 200 that succeed; others are counted as \`other\`. One that was not used for an
hour gives its place to the next. No metric has more than 2,000 series; \`tierkit_metrics_overflow_total\` counts what that put together.
\`tierkit_budget_*\` shows at most 200 of the counts that requests lately went to, budgets first.

## Sending metrics

The same metrics can be sent by OTLP, with those of extensions that use \`@opentelemetry/api\`; \`/metrics\` is served in any case.

\`\`\`sh
OTEL_METRICS_EXPORTER=otlp OTEL_EXPORTER_OTLP_METRICS_ENDPOINT=http://prometheus:9090/api/v1/otlp/v1/metrics tierkit run …   # Prometheus with --web.enable-otlp-receiver
\`\`\`

| setting | default | |
| --- | --- | --- |
| \`OTEL_METRICS_EXPORTER\` | \`none\`; \`otlp\` where \`OTEL_EXPORTER_OTLP_METRICS_ENDPOINT\` is set | also \`console\`; \`prometheus\` changes nothing, as \`/metrics\` of the admin port is always there |
| \`OTEL_EXPORTER_OTLP_METRICS_\` \`ENDPOINT\` \`PROTOCOL\` \`HEADERS\` \`TIMEOUT\` \`COMPRESSION\` | those without \`METRICS_\` | \`http/protobuf\`, \`http/json\`, \`grpc\`; \`none\`, \`gzip\` |
| \`OTEL_METRIC_EXPORT_INTERVAL\`, \`_TIMEOUT\` | 60000, 30000 ms | |
| \`OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE\` | \`cumulative\` | \`delta\` and \`lowmemory\` stop the start: an export that is lost would lose what it counts for ever. The processor \`cumulativetodelta\` of a collector makes the one of the other |

The reference's four have their OpenTelemetry names there (\`gen_ai.client.token.usage\`, \`gen_ai.operation.name\`, …), all others those of this page. Prometheus'
receiver, as it is set up by default, gives every metric the name and the labels that it has here; \`job\` is \`service.name\`, \`instance\` is
\`service.instance.id\`. Exemplars are only at \`/metrics\`: OpenTelemetry's SDK for JavaScript has none. The last values are sent when the process stops. A collector that is
away is told to the log when it begins and when it ends, and counted in \`tierkit_telemetry_dropped_total{signal="metrics"}\` (points) and
\`tierkit_telemetry_export_failures_total{signal="metrics"}\`; the next export has what the lost one had.

${table(rows)}

## Classes of failure

The label \`error_type\` (\`result\` and \`reason\` of attempts, \`error_code\` of llm-d's names) and the field of the access log have these values; absent means
that the client got what it asked for.

| class | meaning |
| --- | --- |
${Object.entries(ERROR_TYPES)
  .map(([name, meaning]) => `| \`${name}\` | ${meaning} |`)
  .join('\n')}

## The process

From prom-client, in every process.

| name | type | what it is |
| --- | --- | --- |
${own.map(({ name, type, help }) => `| \`${name}\` | ${type} | ${cell(help)} |`).join('\n')}
`;
}

function table(rows: readonly Definition[]): string {
  const groups = [
    ['The reference’s', (name: string) => name.startsWith('gen_ai_')],
    ['Tierkit’s', (name: string) => name.startsWith('tierkit_')],
    ['llm-d’s and the Inference Extension’s', (name: string) => !/^(gen_ai|tierkit)_/.test(name)],
  ] as const;
  return groups
    .map(([title, fits]) => {
      const lines = rows.filter(({ name }) => fits(name)).map(line);
      return `## ${title}\n\n| name | type | labels | unit | tier | what it is |\n| --- | --- | --- | --- | --- | --- |\n${lines.join('\n')}`;
    })
    .join('\n\n');
}

function line({ name, type, labels, unit, tiers, help, buckets }: Definition): string {
  const names = labels.map((label) => `\`${label}\``).join(' ');
  const bounds = buckets === undefined ? '' : `<br>buckets: ${buckets.join(', ')}`;
  return `| \`${name}\` | ${type} | ${names} | ${unit} | ${tiers.map((tier) => TIERS[tier]).join(', ')} | ${cell(help)}${bounds} |`;
}

function cell(text: string): string {
  return text.replaceAll('|', '\\|');
}
