import { expect, it } from 'vitest';

import { KubernetesError } from './error.ts';
import { Outages } from './outage.ts';
import { targetOf } from './resource.ts';

const error = (status: number, reason: string) =>
  new KubernetesError({ ...targetOf('GET', '/api/v1/pods'), status, reason, message: `${status} ${reason}` });

function outages() {
  const lines: string[] = [];
  let backs = 0;
  const subject = new Outages(
    'https://k',
    (level, message) => lines.push(`${level} ${message}`),
    () => backs++,
  );
  return { subject, lines, backs: () => backs };
}

it('makes one warning of many watches without a server, and one line of their return', () => {
  const { subject, lines, backs } = outages();
  for (const kind of ['a', 'b', 'c', 'a']) subject.report(kind, error(0, 'Unreachable'));
  expect(lines).toEqual(['warn 0 Unreachable; what was read stays in service']);
  subject.report('a', undefined);
  expect([lines.length, backs()]).toEqual([1, 1]);
  subject.report('b', undefined);
  subject.forget('c');
  expect(lines.slice(1)).toEqual(['info the Kubernetes API at https://k is back after 0 s']);
});

it('tells a refusal once, another one again, and its end', () => {
  const { subject, lines } = outages();
  for (const status of [403, 403, 503, 403]) subject.report('pods', error(status, 'x'));
  subject.report('pods', undefined);
  subject.report('pods', undefined);
  expect(lines).toEqual(['warn pods: 403 x', 'warn pods: 503 x', 'warn pods: 403 x', 'info pods: changes are noticed again']);
});

it('says that a server is back that refuses', () => {
  const { subject, lines } = outages();
  subject.report('pods', error(0, 'Unreachable'));
  subject.report('pods', error(403, 'Forbidden'));
  expect(lines.slice(1)).toEqual(['warn pods: 403 Forbidden', 'info the Kubernetes API at https://k is back after 0 s']);
});
