import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { Browser, findChromium } from '#core/serve/status/browser.fixture';
import type { Feed } from '#core/serve/status/feed';
import {
  closeByKeyboard,
  expectFitting,
  expectHarmless,
  expectReachable,
  HOSTILE,
  LOOKS,
  openByKeyboard,
  openStatusPage,
  picture,
  SHOWN,
} from '#core/serve/status/page.fixture';

import { modelYaml, poolYaml, startPod, startTierTwo, type TestPod, type TestTierTwo } from './tier-two.fixture.ts';

let pods: TestPod[];
let two: TestTierTwo;
beforeAll(async () => {
  pods = [await startPod(), await startPod()];
  two = await startTierTwo([poolYaml('p', pods), modelYaml('m', ['p'])]);
  await (await two.chat({ model: 'm', stream: true })).text();
  await (await two.chat({ model: 'm' }, { 'x-request-id': 'explained' })).text();
  await (await two.chat({ model: HOSTILE })).text();
  await vi.waitUntil(() => two.accessLog.length === 3);
});
afterAll(async () => {
  await two.close();
  for (const pod of pods) await pod.close();
});

it('has the pools with the load of each pod, and the pod of each request', async () => {
  const feed = (await (await fetch(`${two.adminUrl}/status/data`)).json()) as Feed;
  expect(feed).toMatchObject({ name: 'tier two', explains: true, backends: [{ name: 'default/p', kind: 'pool', endpoints: [] }] });
  expect(feed.limits).toBeUndefined();
  expect(feed.pools).toMatchObject([
    {
      name: 'default/p',
      ready: 2,
      externalPicker: false,
      queue: { running: 0, waiting: 0 },
      pods: pods.map(({ address }) => ({ id: address, ready: true, state: 'available', inFlight: 0, requests: 0 })),
      podsLeftOff: 0,
    },
  ]);
  const addresses = pods.map(({ address }) => address);
  expect(addresses).toContain(feed.requests[0]!.details!['pod']);
  expect(feed.requests.map(({ status, stream }) => [status, stream])).toEqual([
    [200, true],
    [200, false],
    [404, false],
  ]);
  expect(feed.requests[0]!.firstTokenMs).toBeGreaterThan(0);
  expect(feed.requests[0]!.routedMs!).toBeLessThanOrEqual(feed.requests[0]!.firstTokenMs!);
});

const chromium = findChromium();
if (chromium === undefined) {
  console.warn('skipped: the status page of tier two in a browser. Put chromium on PATH, or name it with TIERKIT_CHROMIUM');
}

describe.skipIf(chromium === undefined && process.env['REQUIRE_REAL'] !== '1')('the status page of tier two in Chromium', () => {
  let browser: Browser;
  beforeAll(async () => {
    if (chromium === undefined) throw new Error('REQUIRE_REAL is set, and there is no chromium on PATH or at TIERKIT_CHROMIUM');
    browser = await Browser.start(chromium);
  }, 60_000);
  afterAll(() => browser?.close());

  it.each(LOOKS)('is harmless, fits, and is reached by the keyboard: $width px, $scheme', async (look) => {
    const page = await openStatusPage(browser, two.adminUrl, look, 3);
    await expectFitting(page, look);
    await picture(page, 'tier-two', look);
    expect(await page.value<string>("document.querySelector('#requests tbody').innerText")).toContain(SHOWN);
    expect(await page.value<string>("document.querySelector('#pools tbody').textContent")).toContain(pods[0]!.address);
    await expectReachable(page);
    await openByKeyboard(page, 1);
    await page.value("document.querySelector('.explained button').click()");
    const dialog = () => page.value<string>("document.querySelector('#request').innerText");
    await vi.waitFor(async () => expect(await dialog()).toContain('reserved'));
    for (const text of ['queue, pick', 'attempt 1', 'explained', 'total', pods[0]!.address, pods[1]!.address])
      expect(await dialog()).toContain(text);
    await expectFitting(page, look);
    await picture(page, 'tier-two-request', look);
    await closeByKeyboard(page, 1);
    await expectHarmless(page);
  });
});
