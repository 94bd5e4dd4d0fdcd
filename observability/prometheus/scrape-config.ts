import { discoveryRelabelings, fixedLabels, plainRelabeling, podRelabelings } from './relabeling.ts';
import { labelsOf, type Role, TARGETS } from './targets.ts';

interface Scrape {
  readonly role: Role;
  /** @default {@link ScrapeConfigOptions.interval} */
  readonly interval?: string;
}

/** Addresses that are known, in groups that have their labels. */
export interface StaticScrape extends Scrape {
  readonly groups: readonly StaticGroup[];
}

export interface StaticGroup {
  /** `host:port` of admin ports, or of model servers. */
  readonly targets: readonly string[];
  /** Further labels, such as `inference_pool` of model servers: dashboards ask for their pool by that. */
  readonly labels?: Readonly<Record<string, string>>;
}

/** Pods that the API of Kubernetes knows. Prometheus needs leave to get, list and watch pods there. */
export interface KubernetesScrape extends Scrape {
  /** @default all */
  readonly namespaces?: readonly string[];
  /** @default {@link labelsOf} the role */
  readonly podLabels?: Readonly<Record<string, string>>;
  /** InferencePool of model servers. @default their label `tierkit.dev/pool` */
  readonly pool?: string;
}

export interface ScrapeConfigOptions {
  readonly scrapes: readonly (StaticScrape | KubernetesScrape)[];
  /** Paths from the configuration's folder. @default the rule files beside it */
  readonly ruleFiles?: readonly string[];
  /** @default 15s */
  readonly interval?: string;
  /** @default 30s */
  readonly evaluationInterval?: string;
  /** What other stores know this Prometheus by, such as `cluster`. */
  readonly externalLabels?: Readonly<Record<string, string>>;
}

/** Configuration of a Prometheus without its operator, as an object. Of one role there is one scrape, or one for each pool. */
export function scrapeConfig({
  scrapes,
  ruleFiles,
  interval = '15s',
  evaluationInterval = '30s',
  externalLabels,
}: ScrapeConfigOptions): object {
  return {
    global: {
      scrape_interval: interval,
      evaluation_interval: evaluationInterval,
      ...(externalLabels === undefined ? {} : { external_labels: externalLabels }),
    },
    rule_files: ruleFiles ?? ['rules/recording.yaml', 'rules/alerts.yaml'],
    scrape_configs: scrapes.map((scrape) => ('groups' in scrape ? staticScrape(scrape) : kubernetesScrape(scrape))),
  };
}

function scrapeOf({ role, interval }: Scrape, pool?: string): object {
  const { job, honorLabels } = TARGETS[role];
  return {
    job_name: pool === undefined ? job : `${job}-${pool}`,
    ...(honorLabels ? { honor_labels: true } : {}),
    ...(interval === undefined ? {} : { scrape_interval: interval }),
  };
}

function staticScrape({ groups, ...scrape }: StaticScrape): object {
  const { job: _, ...own } = fixedLabels(scrape.role);
  return { ...scrapeOf(scrape), static_configs: groups.map(({ targets, labels }) => ({ targets, labels: { ...own, ...labels } })) };
}

function kubernetesScrape({ namespaces, podLabels, pool, ...scrape }: KubernetesScrape): object {
  const steps = [...discoveryRelabelings(scrape.role, podLabels ?? labelsOf(scrape.role)), ...podRelabelings(scrape.role, pool)];
  return {
    ...scrapeOf(scrape, pool),
    kubernetes_sd_configs: [{ role: 'pod', ...(namespaces === undefined ? {} : { namespaces: { names: namespaces } }) }],
    relabel_configs: steps.map(plainRelabeling),
  };
}
