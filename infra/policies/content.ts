import { CLUSTER_SCOPED } from '../charts/finish.ts';
import { at, listAt, type Policy, text } from './policy.ts';

/** Forms of credentials, and names that nobody gives to anything else. */
const SECRET_FORMS = [
  /-----BEGIN [A-Z ]*PRIVATE KEY-----/,
  /\bsk-[A-Za-z0-9_-]{16,}/,
  /\bgh[pousr]_[A-Za-z0-9]{20,}/,
  /\bAKIA[0-9A-Z]{16}\b/,
  /\beyJ[A-Za-z0-9_-]{10,}\.[A-Za-z0-9_-]{10,}\./,
  /:\/\/[^/\s:@]*:[^/\s@$]+@/,
  /\brequirepass\s+\S/,
] as const;
const SECRET_NAMES = /(password|passwd|api[-_]?key|secret|token)$/i;

/** What everyone may read who may look at a namespace. */
export const noSecretValues: Policy = (manifest) => {
  if (manifest.kind === 'Secret') return ['is a Secret: values of secrets never are in a chart'];
  const json = JSON.stringify(manifest);
  const forms = SECRET_FORMS.filter((form) => form.test(json)).map((form) => `has what looks like a credential (${form.source})`);
  const data = manifest.kind === 'ConfigMap' ? Object.keys(at(manifest, 'data') ?? {}) : [];
  const template = at(manifest, 'spec', 'template');
  const variables = listAt(template, 'spec', 'containers')
    .flatMap((container) => listAt(container, 'env'))
    .filter(({ name, value }) => typeof value === 'string' && SECRET_NAMES.test(text(name)));
  return [
    ...forms,
    ...data.filter((key) => SECRET_NAMES.test(key)).map((key) => `has ${key}, which belongs into a Secret`),
    ...variables.map(({ name }) => `has a plain value for ${text(name)}, which belongs into a Secret`),
  ];
};

/** What Pulumi renders where an Output was put into a string, and what is lost without a word. */
export const wholeText: Policy = (manifest) => {
  const json = JSON.stringify(manifest);
  return [
    ...(json.includes('Calling [toString]') ? ['has an Output of Pulumi in a text'] : []),
    ...(/\b(undefined|\[object Object\])\b/.test(json.replaceAll(/"expr":"[^"]*"/g, '')) && manifest.kind !== 'ConfigMap'
      ? ['has "undefined" or an object in a text']
      : []),
    ...emptyObjects(manifest, '').map((path) => `${path} is empty: something was dropped on the way`),
  ];
};

/** Where an empty object means that cdk8s did not know what was in it. */
function emptyObjects(value: unknown, path: string): string[] {
  if (typeof value !== 'object' || value === null) return [];
  const isEmpty = !Array.isArray(value) && Object.keys(value).length === 0;
  if (isEmpty && /\.(lifecycle|preStop|strategy|securityContext|[a-z]+Probe|httpGet)$/.test(path)) return [path.slice(1)];
  return Object.entries(value).flatMap(([name, child]) => emptyObjects(child, `${path}.${name}`));
}

/** Without it the client's default namespace would decide. */
export const placed: Policy = (manifest) => {
  const { namespace } = manifest.metadata;
  if (CLUSTER_SCOPED.has(manifest.kind)) return namespace === undefined ? [] : ['has a namespace, and its kind has none'];
  return namespace === undefined ? ['names no namespace'] : [];
};

export const labelled: Policy = (manifest) => {
  const { labels = {} } = manifest.metadata;
  const wanted = ['app.kubernetes.io/name', 'app.kubernetes.io/part-of'];
  return wanted.filter((label) => !(label in labels)).map((label) => `has no label ${label}`);
};
