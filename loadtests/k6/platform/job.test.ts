import { existsSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { SCENARIOS } from '../plan/scenarios.ts';
import { complaintIn, jobManifests, scriptsOf, summaryIn, toldTo } from './job.ts';

const RUN = { image: 'k6:1', context: undefined, namespace: 'load', scenario: 'smoke', env: { API_KEY: 'secret' }, mostSeconds: 90 };

describe('the scripts of a Job', () => {
  it.each(SCENARIOS.map(({ name }) => name))('are all that %s imports, and no more than a ConfigMap holds', (name) => {
    const scripts = scriptsOf(name);
    expect([...scripts.keys()].filter((path) => !existsSync(join(import.meta.dirname, '..', path)) || path.startsWith('..'))).toEqual([]);
    // Nothing of Node is there.
    expect([...scripts.values()].filter((text) => /from '(node:|#)/.test(text))).toEqual([]);
    expect([...scripts.values()].reduce((sum, text) => sum + text.length, 0)).toBeLessThan(1_000_000);
    expect(scripts.size).toBeGreaterThan(5);
  });

  it('are where their imports look for them', () => {
    const [, map, job] = jobManifests('x', RUN) as [
      object,
      { data: Record<string, string> },
      { spec: { template: { spec: { volumes: { configMap?: { items: { key: string; path: string }[] } }[] } } } },
    ];
    const items = job.spec.template.spec.volumes[0]!.configMap!.items;
    expect(new Map(items.map(({ key, path }) => [path, map.data[key]]))).toEqual(scriptsOf('smoke'));
    expect(items.filter(({ key }) => !/^[-._a-zA-Z0-9]+$/.test(key))).toEqual([]);
  });
});

it('tells the scripts what they read by a Secret, and nothing else of what is around', () => {
  expect(toldTo({ BASE_URL: 'http://a', LOAD_RATE: '5', API_KEY: 'secret', PATH: '/bin', AWS_SECRET: 'x', SSE: undefined })).toEqual({
    BASE_URL: 'http://a',
    LOAD_RATE: '5',
    API_KEY: 'secret',
  });
  const [secret, ...others] = jobManifests('x', RUN);
  expect(secret).toMatchObject({ kind: 'Secret', stringData: { API_KEY: 'secret' } });
  expect(JSON.stringify(others)).not.toContain('"secret"');
});

it('is a pod that a restricted namespace takes, is tried once and ends by itself', () => {
  const job = jobManifests('x', RUN)[2];
  expect(job).toMatchObject({
    spec: {
      backoffLimit: 0,
      activeDeadlineSeconds: 90,
      template: {
        spec: {
          automountServiceAccountToken: false,
          securityContext: { runAsNonRoot: true, seccompProfile: { type: 'RuntimeDefault' } },
          containers: [{ securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } } }],
        },
      },
    },
  });
});

describe('the log of a Job', () => {
  const json = '{\n    "metrics": {\n        "a": {}\n    }\n}';
  const people = '  █ TOTAL RESULTS\n\n    NETWORK\n    data_sent: 20 kB\n';

  it.each([`${people}${json}`, `${json}\n${people}`, `time=x level=warning msg="{"\n${json}\n${people}`])(
    'has the summary wherever it is: %j',
    (log) => {
      expect(summaryIn(log)).toEqual({ metrics: { a: {} } });
    },
  );

  it('says what went wrong', () => {
    expect(() => summaryIn('')).toThrow('k6 has written no summary');
    const log = `time="1" level=error msg="Error: tier one answers 401" hint="script exception"\n${json}`;
    expect(complaintIn(log)).toBe('msg="Error: tier one answers 401" hint="script exception"');
    expect(complaintIn('a\nb\nc\nd\n')).toBe('b c d');
  });
});
