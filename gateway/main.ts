import { describe, Tier, type TierOptions } from '#core/serve/tier';
import type { McpRule } from '#core/route/mcp-rule';
import type { Rule } from '#core/route/rule';
import type { Snapshot } from '#core/serve/snapshot';
import { Metrics } from '#core/telemetry/metrics';
import { VERSION } from '#core/telemetry/metrics/version';
import type { HeaderLabel } from '#core/telemetry/metrics/header-labels';

import { TierKeys } from '#core/tiers/keys';

import { Admission } from './admit/admission.ts';
import { AdmissionMetrics } from './admit/admission-metrics.ts';
import { Counts } from './admit/counts.ts';
import { MemoryStore } from './admit/store/memory/memory-store.ts';
import { limitRoutes, limitStates, toolRoutes } from './admin.ts';
import { TierOneStages } from './app.ts';
import type { Extension } from './extensions/extension.ts';
import { Hooks } from './extensions/hooks.ts';
import { FEEDBACK } from './feedback/endpoint.ts';
import { Feedback } from './feedback/feedback.ts';
import type { FeedbackSettings } from './feedback/settings.ts';
import type { Ledger } from './ledger/ledger.ts';
import { McpEngine } from './mcp/engine/engine.ts';
import { DEFAULT_LIMITS, type EngineLimits } from './mcp/engine/parts.ts';
import { McpMetrics } from './mcp/metrics.ts';
import { ephemeralKeys, type SealKeys } from './mcp/sealed/keys.ts';
import { TierOneMetrics } from './metrics.ts';
import { TierTwoLink } from './tier-two.ts';

/** What a process of tier one is started with. */
export interface TierOneOptions extends TierOptions {
  readonly extensions?: readonly Extension[];
  /** Keys shared with tier two. @default none */
  readonly keys?: TierKeys;
  /** Counts of limits and budgets; closed with the tier. @default counts of this process, in memory */
  readonly counts?: Counts;
  /** What becomes of a request while the counts of a policy's limit cannot be had. @default open */
  readonly limitsFailureMode?: 'open' | 'closed';
  /** Takes a row for each request to a model API; closed with the tier. @default none */
  readonly ledger?: Ledger | undefined;
  /** Where feedback on answers goes. @default `/v1/feedback` is not served */
  readonly feedback?: FeedbackSettings | undefined;
  /** Keys of sessions of MCP, which all replicas have to share. @default keys of this process alone */
  readonly mcpKeys?: () => SealKeys;
  /** Bounds of MCP other than the usual ones. */
  readonly mcpLimits?: Partial<EngineLimits> | undefined;
  /** Headers of requests that are labels of the reference's metrics. @default none */
  readonly headerLabels?: readonly HeaderLabel[];
}

/** A running tier one. */
export class TierOne extends Tier {
  readonly #counts: Counts;
  readonly #ledger: Ledger | undefined;
  readonly #feedback: Feedback | undefined;

  constructor(options: TierOneOptions) {
    const hooks = new Hooks(options.extensions ?? [], (error) => options.log('error', 'extension', describe(error)));
    const keys = options.keys ?? new TierKeys({ signingKey: undefined, peerKeys: undefined }, () => undefined);
    const counts = options.counts ?? new Counts(new MemoryStore());
    const metrics = new Metrics('one', options.headerLabels);
    const admission = new Admission({
      counts,
      failureMode: options.limitsFailureMode ?? 'open',
      alert: (message) => options.log('warn', message),
      metrics: new AdmissionMetrics(metrics.families),
      learns: options.ledger !== undefined,
    });
    const own = new TierOneMetrics(metrics);
    own.watchBudgets((filter, most) => limitStates(admission, filter, most));
    if (options.ledger !== undefined) own.watchLedger(options.ledger);
    const { families } = metrics;
    const feedback = options.feedback === undefined ? undefined : new Feedback({ settings: options.feedback, families, log: options.log });
    const limits = { ...DEFAULT_LIMITS, ...options.mcpLimits };
    const measured = new McpMetrics(families);
    const serverInfo = { name: 'tierkit', version: VERSION };
    const mcp = new McpEngine({
      keys: mcpKeysOf(options),
      serverInfo,
      limits,
      warn: (message) => options.log('warn', message),
      ended: (told, seconds) => measured.record(told, seconds),
    });
    super(options, metrics, {
      stages: new TierOneStages({ hooks, link: new TierTwoLink(keys), admission, ledger: options.ledger, metrics: own, feedback, mcp }),
      own: feedback === undefined ? [] : [FEEDBACK],
      farewell: () => mcp.close(),
      admin: (app) => {
        limitRoutes(app, admission);
        toolRoutes(app, () => mcpRulesOf(this.configuration.current), { limits, serverInfo });
      },
      status: { name: 'tier one', limits: (filter, most) => limitStates(admission, filter, most) },
      notices: (snapshot) => [
        ...noticesOf(keys, tierTwosOf(snapshot)),
        ...feedbackNotices(options),
        ...(options.mcpKeys === undefined ? sessionNotices(snapshot) : []),
      ],
    });
    this.#counts = counts;
    this.#ledger = options.ledger;
    this.#feedback = feedback;
  }

  override async stop(): Promise<void> {
    await super.stop();
    await Promise.all([this.#counts.close(), this.#ledger?.close(), this.#feedback?.close()]);
  }
}

function mcpKeysOf({ mcpKeys }: TierOneOptions): () => SealKeys {
  if (mcpKeys !== undefined) return mcpKeys;
  const keys = ephemeralKeys();
  return () => keys;
}

function rulesOf({ ports }: Snapshot): Rule[] {
  return ports.flatMap(({ listeners }) => listeners.flatMap(({ hosts }) => hosts.entries().flatMap(([, index]) => index.rules())));
}

/** By `namespace/name` of the route. */
function mcpRulesOf(snapshot: Snapshot): ReadonlyMap<string, McpRule> {
  return new Map(
    rulesOf(snapshot).flatMap((rule) =>
      rule.ai || rule.mcp === undefined ? [] : [[`${rule.route.namespace}/${rule.route.name}`, rule.mcp] as const],
    ),
  );
}

/** A client of MCP keeps its session for hours: it meets other replicas, and restarts. */
function sessionNotices(snapshot: Snapshot): string[] {
  if (mcpRulesOf(snapshot).size === 0) return [];
  return ['no --mcp-session-keys: sessions of MCP are those of this process alone, and end with it'];
}

/** Backends that are a tier two. */
function tierTwosOf(snapshot: Snapshot): string[] {
  const targets = rulesOf(snapshot).flatMap((rule) => (rule.ai ? rule.plan.targets.filter(({ tierTwo }) => tierTwo !== undefined) : []));
  return [...new Set(targets.map(({ backend }) => backend.name))];
}

function noticesOf({ signing, peers }: TierKeys, tierTwos: readonly string[]): string[] {
  if (tierTwos.length === 0) return [];
  const names = tierTwos.join(', ');
  return [
    ...(signing === undefined
      ? [
          `no --signing-key: ${names} hears nothing of tenant, deadline and priority; let it know tier one by an API key (BackendSecurityPolicy)`,
        ]
      : []),
    ...(peers === undefined ? [`no --peer-keys: usage receipts of ${names} are not verified`] : []),
  ];
}

/** Feedback is told to spans: without them nothing can be judged. */
function feedbackNotices({ feedback, tracing }: TierOneOptions): string[] {
  if (feedback === undefined || tracing?.settings.exporter === 'otlp') return [];
  return ['feedback is on, and no traces are exported that it could belong to: set OTEL_EXPORTER_OTLP_ENDPOINT to Phoenix as well'];
}
