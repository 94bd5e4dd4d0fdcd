import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { dump, load } from 'js-yaml';
import { afterAll, describe, expect, it } from 'vitest';

import { promtool, WITHOUT_PROMTOOL } from '../promtool.fixture.ts';
import { type KubernetesScrape, scrapeConfig } from './scrape-config.ts';
import { labelsOf, ROLES, TARGETS } from './targets.ts';

const FILES = ['prometheus.yaml', 'prometheus-kubernetes.yaml'].map((name) => join(import.meta.dirname, name));

interface Scrape {
  readonly job_name: string;
  readonly honor_labels?: boolean;
  readonly static_configs?: readonly { readonly targets: readonly string[]; readonly labels: Readonly<Record<string, string>> }[];
  readonly kubernetes_sd_configs?: readonly object[];
  readonly relabel_configs?: readonly object[];
}
const scrapesOf = (config: object): readonly Scrape[] => (config as { scrape_configs: readonly Scrape[] }).scrape_configs;
const kubernetes = (scrape: KubernetesScrape): Scrape => scrapesOf(scrapeConfig({ scrapes: [scrape] }))[0]!;

describe('scrape configurations', () => {
  it.each(FILES)('%s has jobs of their own, and rule files that there are', (file) => {
    const config = load(readFileSync(file, 'utf8')) as { rule_files: readonly string[] };
    const jobs = scrapesOf(config).map(({ job_name }) => job_name);
    expect(new Set(jobs).size).toBe(jobs.length);
    for (const path of config.rule_files) expect(readFileSync(join(import.meta.dirname, path), 'utf8')).toContain('groups:');
  });

  it('of known addresses have the labels of the role beside those that are given', () => {
    const groups = [{ targets: ['a:1', 'b:1'], labels: { zone: 'z' } }];
    const [scrape] = scrapesOf(scrapeConfig({ scrapes: [{ role: 'tier-two', groups }] }));
    expect(scrape).toEqual({
      job_name: 'tierkit-tier-two',
      honor_labels: true,
      static_configs: [{ targets: ['a:1', 'b:1'], labels: { tier: 'two', zone: 'z' } }],
    });
  });

  it('of model servers do not let them say who they are', () => {
    expect(kubernetes({ role: 'model-server' })).not.toHaveProperty('honor_labels');
  });

  it('look in the namespaces that are named, or in all', () => {
    expect(kubernetes({ role: 'epp', namespaces: ['a', 'b'] }).kubernetes_sd_configs).toEqual([
      { role: 'pod', namespaces: { names: ['a', 'b'] } },
    ]);
    expect(kubernetes({ role: 'epp' }).kubernetes_sd_configs).toEqual([{ role: 'pod' }]);
  });

  it('have a job for each pool that is named', () => {
    const config = scrapeConfig({ scrapes: ['a', 'b'].map((pool) => ({ role: 'model-server', pool, podLabels: { app: pool } })) });
    expect(scrapesOf(config).map(({ job_name }) => job_name)).toEqual(['vllm-a', 'vllm-b']);
  });

  it('say how often, and by which name others know this Prometheus', () => {
    const config = scrapeConfig({ scrapes: [], interval: '1m', evaluationInterval: '2m', externalLabels: { cluster: 'c' } });
    expect(config).toMatchObject({ global: { scrape_interval: '1m', evaluation_interval: '2m', external_labels: { cluster: 'c' } } });
  });
});

describe.skipIf(WITHOUT_PROMTOOL)('promtool', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tierkit-scrape-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  /** Labels that each pod gets as a target; undefined where it is none. */
  async function targets(scrape: KubernetesScrape, ...pods: Pod[]): Promise<(Readonly<Record<string, string>> | undefined)[]> {
    // The discovery is played: what it would say of the pods is written down.
    const { kubernetes_sd_configs: _, ...rest } = kubernetes(scrape);
    const file = join(folder, `${rest.job_name}.yaml`);
    const groups = pods.map((pod, index) => ({ targets: [`10.0.0.${index}:1`], labels: discovered(pod) }));
    writeFileSync(file, dump({ scrape_configs: [{ ...rest, static_configs: groups }] }));
    // It listens as long as it may, though all is said at once.
    const found = JSON.parse(await promtool('check', 'service-discovery', '--timeout=2s', file, rest.job_name)) as Found[];
    return pods.map((_pod, index) => {
      const { labels = {} } = found.find(({ discoveredLabels }) => discoveredLabels['__address__'] === `10.0.0.${index}:1`)!;
      // Of a target that is dropped, promtool tells no labels.
      if (Object.keys(labels).length === 0) return undefined;
      return Object.fromEntries(Object.entries(labels).filter(([name]) => !name.startsWith('__')));
    });
  }

  it.each(FILES)('finds no fault in %s', async (file) => {
    expect(await promtool('check', 'config', file)).toContain('is valid');
  });

  it.each(ROLES.filter((role) => role !== 'model-server'))('keeps a pod of %s, and names it', async (role) => {
    const { job, tier, portName, port } = TARGETS[role];
    expect(await targets({ role }, { labels: labelsOf(role), portName, port })).toEqual([
      { job, tier, instance: `models/pod-0:${port}`, namespace: 'models', pod: 'pod-0' },
    ]);
  });

  it('gives model servers their pool: by their label, or as it is told', async () => {
    const labels = { 'app.kubernetes.io/component': 'model-server', 'tierkit.dev/pool': 'llama' };
    const pod = { labels, portName: 'http', port: 8000 };
    const common = { job: 'vllm', instance: 'models/pod-0:8000', namespace: 'models', pool_namespace: 'models', pod: 'pod-0' };
    expect(await targets({ role: 'model-server' }, pod)).toEqual([{ ...common, inference_pool: 'llama' }]);
    const told = { role: 'model-server', pool: 'other', podLabels: { 'app.kubernetes.io/component': 'model-server' } } as const;
    expect(await targets(told, pod)).toEqual([{ ...common, inference_pool: 'other' }]);
  });

  it('drops pods of other roles and other software, at other ports, and those that have ended', async () => {
    const right = { labels: labelsOf('tier-one'), portName: 'admin', port: 1064 };
    const named = (name: string, value: string) => ({ ...right, labels: { ...right.labels, [`app.kubernetes.io/${name}`]: value } });
    const wrong = [
      named('component', 'tier-two'),
      named('name', 'other'),
      { ...right, portName: 'http' },
      { ...right, phase: 'Succeeded' },
    ];
    const [kept, ...dropped] = await targets({ role: 'tier-one' }, right, ...wrong);
    expect(kept).toBeDefined();
    expect(dropped).toEqual(wrong.map(() => undefined));
  });
});

interface Found {
  readonly discoveredLabels: Readonly<Record<string, string>>;
  readonly labels?: Readonly<Record<string, string>>;
}

interface Pod {
  readonly labels: Readonly<Record<string, string>>;
  readonly portName: string;
  readonly port: number;
  readonly phase?: string;
}

/** As kubernetes_sd_configs with role pod says it. */
function discovered({ labels, portName, port, phase = 'Running' }: Pod): Record<string, string> {
  const meta = '__meta_kubernetes';
  return {
    [`${meta}_namespace`]: 'models',
    [`${meta}_pod_name`]: 'pod-0',
    [`${meta}_pod_phase`]: phase,
    [`${meta}_pod_container_port_name`]: portName,
    [`${meta}_pod_container_port_number`]: String(port),
    ...Object.fromEntries(Object.entries(labels).map(([name, value]) => [`${meta}_pod_label_${name.replaceAll(/[./-]/g, '_')}`, value])),
  };
}
