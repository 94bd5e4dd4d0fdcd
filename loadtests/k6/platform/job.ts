import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';

import { argsOf, CROSSED, QUIET } from '../k6.ts';
import { ADDRESSES } from '../plan/addresses.ts';
import type { Environment } from '../plan/settings.ts';

/** Where k6 runs in a cluster. */
export interface JobPlace {
  readonly image: string;
  /** Of kubectl; undefined: its current one. */
  readonly context: string | undefined;
  readonly namespace: string;
}

export interface JobRun extends JobPlace {
  readonly scenario: string;
  /** For the scripts. Some of it is secret. */
  readonly env: Readonly<Record<string, string>>;
  /** After this Kubernetes ends it. */
  readonly mostSeconds: number;
}

/** What a Job came to. */
export interface JobEnd {
  readonly code: number;
  readonly summary: unknown;
}

/** The cluster does not run it; in one line. */
export class NoJob extends Error {
  override readonly name = 'NoJob';
}

const SCRIPTS = dirname(import.meta.dirname);
const FOLDER = '/scripts';
/** Time in which the pod has to start: for its image to come, mostly. */
const START_MS = 180_000;
const POLL_MS = 1000;
/** What the scripts are told, besides the addresses. */
const TOLD = /^(API_KEY|TIER_TWO_API_KEY|TENANT_KEYS|SSE|LOAD_\w+|K6_PROMETHEUS_RW_\w+)$/;

function isTold(name: string): boolean {
  return ADDRESSES.some((address) => address === name) || TOLD.test(name);
}

/** Of an environment what the scripts read. */
export function toldTo(env: Environment): Record<string, string> {
  return Object.fromEntries(Object.entries(env).filter((each): each is [string, string] => each[1] !== undefined && isTold(each[0])));
}

/** The script of a scenario with all that it imports, by path from the folder of this program. */
export function scriptsOf(scenario: string): Map<string, string> {
  const found = new Map<string, string>();
  const add = (path: string): void => {
    if (found.has(path)) return;
    const text = readFileSync(join(SCRIPTS, path), 'utf8');
    found.set(path, text);
    for (const [, name] of text.matchAll(/ from '(\.{1,2}\/[^']+)'/g)) add(posix.join(posix.dirname(path), name!));
  };
  add(`scenarios/${scenario}.ts`);
  return found;
}

function keyOf(path: string): string {
  return path.replaceAll('/', '_');
}

/** A Secret with what the scripts are told, a ConfigMap with the scripts, and the Job that runs them. */
export function jobManifests(name: string, { namespace, image, scenario, env, mostSeconds }: JobRun): object[] {
  const metadata = { name, namespace, labels: { 'app.kubernetes.io/name': 'tierkit-load' } };
  const scripts = scriptsOf(scenario);
  const container = {
    name: 'k6',
    image,
    args: [...argsOf('/dev/stdout', env), '--address=', `${FOLDER}/scenarios/${scenario}.ts`],
    envFrom: [{ secretRef: { name } }],
    env: Object.entries({ ...QUIET, HOME: '/tmp' }).map(([variable, value]) => ({ name: variable, value })),
    resources: { requests: { cpu: '500m', memory: '512Mi' }, limits: { memory: '2Gi' } },
    securityContext: { allowPrivilegeEscalation: false, readOnlyRootFilesystem: true, capabilities: { drop: ['ALL'] } },
    volumeMounts: [
      { name: 'scripts', mountPath: FOLDER },
      { name: 'tmp', mountPath: '/tmp' },
    ],
  };
  const items = [...scripts.keys()].map((path) => ({ key: keyOf(path), path }));
  const pod = {
    restartPolicy: 'Never',
    automountServiceAccountToken: false,
    securityContext: { runAsNonRoot: true, runAsUser: 12_345, seccompProfile: { type: 'RuntimeDefault' } },
    containers: [container],
    volumes: [
      { name: 'scripts', configMap: { name, items } },
      { name: 'tmp', emptyDir: { sizeLimit: '256Mi' } },
    ],
  };
  return [
    { apiVersion: 'v1', kind: 'Secret', metadata, stringData: env },
    { apiVersion: 'v1', kind: 'ConfigMap', metadata, data: Object.fromEntries([...scripts].map(([path, text]) => [keyOf(path), text])) },
    {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata,
      spec: {
        // A load that was cut is no load that can be told about.
        backoffLimit: 0,
        activeDeadlineSeconds: mostSeconds,
        ttlSecondsAfterFinished: 600,
        template: { metadata: { labels: metadata.labels }, spec: pod },
      },
    },
  ];
}

/**
 * Runs k6 as a Job, and takes away what it has made.
 * @param signal ends it before its time
 * @throws NoJob
 */
export async function runJob(run: JobRun, signal: AbortSignal): Promise<JobEnd> {
  const name = `tierkit-load-${run.scenario}-${process.pid}`;
  const kubectl = (args: readonly string[], input?: string) => kubectlOf(run, args, input);
  try {
    await kubectl(['apply', '-f', '-'], JSON.stringify({ apiVersion: 'v1', kind: 'List', items: jobManifests(name, run) }));
    const code = await ended(name, run, kubectl, signal);
    const log = await kubectl(['logs', `job/${name}`, '--tail=-1']);
    if (code !== 0 && code !== CROSSED) throw new NoJob(`k6 ended with exit code ${code}: ${complaintIn(log)}`);
    return { code, summary: summaryIn(log) };
  } finally {
    await kubectl(['delete', 'job,configmap,secret', name, '--ignore-not-found', '--wait=false']).catch(() => undefined);
  }
}

type Kubectl = (args: readonly string[], input?: string) => Promise<string>;

interface PodStatus {
  readonly containerStatuses?: readonly {
    readonly state?: {
      readonly terminated?: { readonly exitCode: number };
      readonly waiting?: { readonly reason?: string; readonly message?: string };
      readonly running?: object;
    };
  }[];
}

/** Exit code of k6. */
async function ended(name: string, { mostSeconds }: JobRun, kubectl: Kubectl, signal: AbortSignal): Promise<number> {
  const startBy = performance.now() + START_MS;
  const endBy = startBy + mostSeconds * 1000;
  for (;;) {
    if (signal.aborted) throw new NoJob('stopped');
    const { items } = JSON.parse(await kubectl(['get', 'pods', '-l', `job-name=${name}`, '-o', 'json'])) as {
      items: { status: PodStatus }[];
    };
    const state = items[0]?.status.containerStatuses?.[0]?.state;
    if (state?.terminated !== undefined) return state.terminated.exitCode;
    const { reason = 'it is not there', message = '' } = state?.waiting ?? {};
    const now = performance.now();
    if ((state?.running === undefined && now > startBy) || now > endBy)
      throw new NoJob(`Job ${name} does not ${now > endBy ? 'end' : 'start'}: ${reason} ${message}`.trimEnd());
    await sleep(POLL_MS, undefined, { signal }).catch(() => undefined);
  }
}

/** The summary for programs: k6 prints the one for people before it, or behind it. */
export function summaryIn(log: string): unknown {
  const [summary = ''] = /^\{\n[\s\S]*?^\}$/m.exec(log) ?? [];
  try {
    return JSON.parse(summary);
  } catch {
    throw new NoJob(`k6 has written no summary: ${complaintIn(log)}`);
  }
}

/** What k6 says went wrong, else its last lines. */
export function complaintIn(log: string): string {
  const errors = log.split('\n').filter((line) => /\blevel=(error|fatal)\b/.test(line));
  const last = errors.at(-1)?.replace(/^time=\S+ level=\S+ /, '');
  return (last ?? log.trim().split('\n').slice(-3).join(' ')).slice(0, 500);
}

function kubectlOf({ context, namespace }: JobPlace, args: readonly string[], input: string | undefined): Promise<string> {
  const all = [...(context === undefined ? [] : [`--context=${context}`]), `--namespace=${namespace}`, ...args];
  return new Promise((resolve, reject) => {
    const child = execFile('kubectl', all, { maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error === null) resolve(stdout);
      else if ((error as NodeJS.ErrnoException).code === 'ENOENT') reject(new NoJob('there is no kubectl on PATH'));
      else reject(new NoJob(`kubectl ${args[0]}: ${[...new Set(stderr.trim().split('\n'))].join('; ') || error.message}`));
    });
    child.stdin?.on('error', () => undefined);
    child.stdin?.end(input ?? '');
  });
}
