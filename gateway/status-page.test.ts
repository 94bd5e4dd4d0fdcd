import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';

import { Browser, findChromium } from '#core/serve/status/browser.fixture';
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

import { backendsYaml, routeYaml, startGateway, type TestGateway } from './gateway.fixture.ts';
import { answer, startUpstream, type Upstream } from './upstream.fixture.ts';

const chromium = findChromium();
if (chromium === undefined) {
  console.warn('skipped: the status page of tier one in a browser. Put chromium on PATH, or name it with TIERKIT_CHROMIUM');
}

const GOOD = answer(200, {
  id: 'c',
  object: 'chat.completion',
  model: HOSTILE,
  choices: [{ index: 0, message: { role: 'assistant', content: 'hello' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
});

/** A client's name is what it says in a header: as hostile as it likes. */
const POLICIES = `
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: SecurityPolicy
metadata: {name: keys}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: Gateway, name: gw}]
  apiKeyAuth: {credentialRefs: [{name: keys}], extractFrom: [{headers: [x-api-key]}], forwardClientIDHeader: x-client}
---
apiVersion: v1
kind: Secret
metadata: {name: keys}
stringData: {team-a: key-of-a}
---
apiVersion: gateway.envoyproxy.io/v1alpha1
kind: BackendTrafficPolicy
metadata: {name: each}
spec:
  targetRefs: [{group: gateway.networking.k8s.io, kind: HTTPRoute, name: m}]
  rateLimit: {type: Global, global: {rules: [{clientSelectors: [{headers: [{name: x-note, type: Distinct}]}], limit: {requests: 10, unit: Hour}}]}}
---
apiVersion: tierkit.dev/v1alpha1
kind: PriceTable
metadata: {name: list}
spec: {currency: USD, entries: [{model: m, prices: {input: "2", output: "8"}}]}
---
apiVersion: tierkit.dev/v1alpha1
kind: Budget
metadata: {name: teams}
spec: {per: Client, amount: "1", currency: USD, window: {unit: Month}}`;

describe.skipIf(chromium === undefined && process.env['REQUIRE_REAL'] !== '1')('the status page of tier one in Chromium', () => {
  let browser: Browser;
  let gateway: TestGateway;
  let backends: Upstream[];
  beforeAll(async () => {
    if (chromium === undefined) throw new Error('REQUIRE_REAL is set, and there is no chromium on PATH or at TIERKIT_CHROMIUM');
    browser = await Browser.start(chromium);
    backends = [await startUpstream(answer(503, {}), GOOD), await startUpstream(GOOD)];
    const named = backends.map(({ port }, index) => ({ name: ['one', 'two'][index]!, port, key: 'key' }));
    gateway = await startGateway({ yaml: [backendsYaml(named), routeYaml('m', ['one', 'two']), POLICIES].join('\n---\n') });
    for (const model of ['m', 'm', HOSTILE, 'm']) await (await ask(gateway, model)).text();
    await vi.waitUntil(() => gateway.accessLog.length === 4);
  }, 60_000);
  afterAll(async () => {
    await browser?.close();
    await gateway?.close();
    for (const backend of backends ?? []) await backend.close();
  });

  it.each(LOOKS)('is harmless, fits, and is reached by the keyboard: $width px, $scheme', async (look) => {
    const page = await openStatusPage(browser, gateway.adminUrl, look, 4);
    await expectFitting(page, look);
    await picture(page, 'tier-one', look);
    expect(await page.value<string>("document.querySelector('#requests tbody').innerText")).toContain(SHOWN);
    expect(await page.value<string>("document.querySelector('#limits tbody').textContent")).toContain('<img src=x');
    expect(await page.value<string>("document.querySelector('#backends tbody').textContent")).toContain('available');
    await expectReachable(page);
    await openByKeyboard(page, 3);
    const dialog = await page.value<string>("document.querySelector('#request').innerText");
    for (const text of ['identify', 'read, route', 'admit', 'attempt 1', 'status 503', 'attempt 2', 'default/two', 'team-a', SHOWN])
      expect(dialog).toContain(text);
    await expectFitting(page, look);
    await picture(page, 'tier-one-request', look);
    await closeByKeyboard(page, 3);
    await expectHarmless(page);
  });

  it('filters, follows without taking the focus, and asks nothing while it pauses', async () => {
    const page = await openStatusPage(browser, `${gateway.adminUrl}/status`, LOOKS[0]!, 4);
    const rows = () => page.value<number>("document.querySelectorAll('#requests tbody tr').length");
    await page.value("document.querySelector('#filters [name=text]').focus()");
    await page.type('onerror');
    expect(await rows()).toBe(1);
    await page.value("document.querySelector('#filters').reset()");
    await page.value("document.querySelector('#filters [name=result]').value = 'retried'");
    await page.value("document.querySelector('#filters').dispatchEvent(new Event('input'))");
    expect(await rows()).toBe(1);
    await page.value("document.querySelector('#filters').reset()");
    await vi.waitFor(async () => expect(await rows()).toBe(4));

    // The focus stays where it is when a request comes.
    await page.value("document.querySelector('#requests tbody button').focus()");
    const focused = await page.value('document.activeElement.dataset.sequence');
    await (await ask(gateway, 'm')).text();
    await vi.waitFor(async () => expect(await rows()).toBe(5), { timeout: 5000 });
    expect(await page.value('document.activeElement.dataset.sequence')).toBe(focused);
    expect(await page.value("document.querySelector('#announce').textContent")).toBe('');

    await page.value("document.querySelector('#pause').click()");
    const asked = await page.value<number>("performance.getEntriesByType('resource').length");
    await new Promise((resolve) => setTimeout(resolve, 2500));
    expect(await page.value("performance.getEntriesByType('resource').length")).toBe(asked);
    await expectHarmless(page);
  });

  it('tells that the configuration changed, that a reload was refused, and that the server has gone', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tierkit-test-'));
    const file = join(folder, 'gateway.yaml');
    const good = [backendsYaml([{ name: 'one', port: backends[0]!.port }]), routeYaml('m', ['one'])].join('\n---\n');
    writeFileSync(file, good);
    const other = await startGateway({ paths: [file] });
    const page = await openStatusPage(browser, other.adminUrl, LOOKS[0]!, 0);
    const said = (text: string) =>
      vi.waitFor(async () => expect(await page.value("document.querySelector('#announce').textContent")).toContain(text), 8000);
    expect(await page.value("document.querySelector('#refused').checkVisibility()")).toBe(false);
    writeFileSync(file, `${good}\n---\nkind: <img src=x onerror=window.hacked=4>\n`);
    await other.tier.reload('test');
    await said('the last reload was refused');
    expect(await page.value<string>("document.querySelector('#refused pre').textContent")).toContain('<img src=x');
    await page.value("document.querySelector('#refused').scrollIntoView()");
    await picture(page, 'tier-one-refused', LOOKS[0]!);
    writeFileSync(file, good.replace('priority: 0', 'priority: 1'));
    await other.tier.reload('test');
    await said('configuration 2 is in service; no reload is refused');
    expect(await page.value("document.querySelector('#refused').checkVisibility()")).toBe(false);
    await expectHarmless(page);
    await other.close();
    rmSync(folder, { recursive: true });
    await said('no answer since');
    expect(await page.value("document.querySelector('#state').textContent")).toMatch(/^no answer since \d/);
  });

  it('lets no text become markup, whoever writes it', async () => {
    const page = await openStatusPage(browser, gateway.adminUrl, LOOKS[0]!, 5);
    expect(
      await page.value(
        "(() => { try { document.body.innerHTML = '<b>x</b>'; return 'written'; } catch (error) { return error.name; } })()",
      ),
    ).toBe('TypeError');
    await page.value("document.body.append(Object.assign(document.createElement('img'), { src: 'http://127.0.0.1:9/' }))");
    await vi.waitFor(() => expect(page.faults.join('\n')).toContain('Content Security Policy'));
  });
});

function ask({ url }: TestGateway, model: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-api-key': 'key-of-a', 'x-note': '<img src=x onerror=window.hacked=3>' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'hello' }] }),
  });
}
