import { appendFileSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, it } from 'vitest';

import { resourcesUnderWay } from './engine-events.ts';

const event = (kind: string, name: string, more: object = {}) =>
  `${JSON.stringify({ sequence: 1, [kind]: { metadata: { op: 'create', urn: `urn:pulumi:dev::tierkit::a$b::${name}` }, ...more } })}\n`;

it('knows what is under way, from the whole lines of the newest log', async () => {
  const file = join(mkdtempSync(join(tmpdir(), 'tierkit-events-')), 'events.json');
  const names = async () => [...(await resourcesUnderWay(file))];
  expect(await names()).toEqual([]);
  appendFileSync(file, '{"preludeEvent":{"config":{"a":"ü"}}}\n');
  appendFileSync(file, event('resourcePreEvent', 'one:Deployment/n/a'));
  const later = event('resourcePreEvent', 'one:Deployment/n/b');
  appendFileSync(file, later.slice(0, 40));
  expect(await names()).toEqual(['one:Deployment/n/a']);
  expect(await names()).toEqual(['one:Deployment/n/a']);
  appendFileSync(file, later.slice(40) + event('resourcePreEvent', 'one:Deployment/n/c', { planning: true }));
  expect(await names()).toEqual(['one:Deployment/n/a', 'one:Deployment/n/b']);
  appendFileSync(file, event('resOutputsEvent', 'one:Deployment/n/a') + event('resOpFailedEvent', 'one:Deployment/n/b'));
  expect(await names()).toEqual([]);
  // The update writes over the log of the preview, and may be as long at once.
  writeFileSync(file, event('resOutputsEvent', 'one:Deployment/n/z').repeat(20) + event('resourcePreEvent', 'one:Deployment/n/d'));
  expect(await names()).toEqual(['one:Deployment/n/d']);
});
