// For tests: what the status page has to stand in a real browser, whichever tier it shows.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { expect, vi } from 'vitest';

import type { Browser, Look, Page } from './browser.fixture.ts';

export const LOOKS: readonly Look[] = [
  { width: 1280, height: 900, scheme: 'light' },
  { width: 1280, height: 900, scheme: 'dark' },
  { width: 360, height: 760, scheme: 'light' },
  { width: 360, height: 760, scheme: 'dark' },
];

/** A name as a client may choose one: markup, a script, a mark that turns what follows around. */
export const HOSTILE = `<img src=x onerror="window.hacked=1"><script>window.hacked=2</script>"'\u202E&amp;{{7*7}}`;
/** The same on the page. */
export const SHOWN = HOSTILE.replace('\u202E', '\uFFFD');

const CONTROLS = 'a[href], button:not(:disabled), input, select, [tabindex="0"]';

/** Opens the page and waits for its first data. */
export async function openStatusPage(browser: Browser, url: string, look: Look, requests: number): Promise<Page> {
  const page = await browser.page(url, look);
  await vi.waitFor(
    async () => {
      expect(await page.value("document.querySelector('#state')?.textContent")).toBe('ready');
      expect(await page.value("document.querySelectorAll('#requests tbody tr').length")).toBe(requests);
    },
    { timeout: 10_000, interval: 50 },
  );
  return page;
}

/** Nothing that a name brought along became a part of the page, nothing went wrong, and nothing but the page's own server was asked. */
export async function expectHarmless(page: Page): Promise<void> {
  expect(page.faults).toEqual([]);
  expect(await page.value('window.hacked ?? null')).toBeNull();
  expect(await page.value("document.querySelectorAll('img, iframe, [onerror], script:not([src])').length")).toBe(0);
  expect(
    await page.value("performance.getEntriesByType('resource').filter(({ name }) => new URL(name).origin !== location.origin).length"),
  ).toBe(0);
}

/** It is as wide as the window: nothing but tables is moved sideways. */
export async function expectFitting(page: Page, { width, scheme }: Look): Promise<void> {
  expect(await page.value('document.documentElement.scrollWidth')).toBeLessThanOrEqual(width);
  const [red] = (await page.value<string>('getComputedStyle(document.body).backgroundColor')).match(/\d+/g)!;
  expect(Number(red) > 128 ? 'light' : 'dark').toBe(scheme);
}

/** The tab key comes to every control that can be seen, and each has a name. */
export async function expectReachable(page: Page): Promise<void> {
  await page.value(
    `for (const [index, control] of [...document.querySelectorAll(${JSON.stringify(CONTROLS)})].entries()) control.dataset.control = index`,
  );
  const wanted = await page.value<string[]>(
    `[...document.querySelectorAll('[data-control]')].filter((one) => one.checkVisibility() && one.tabIndex >= 0).map((one) => one.dataset.control)`,
  );
  expect(wanted.length).toBeGreaterThan(8);
  const reached = new Set<string>();
  for (let presses = 0; presses < wanted.length + 10; presses++) {
    await page.press('Tab');
    reached.add(await page.value<string>("document.activeElement?.dataset.control ?? ''"));
  }
  expect(wanted.filter((control) => !reached.has(control))).toEqual([]);
  const nameless = `[...document.querySelectorAll('[data-control]')].filter((one) => one.checkVisibility() &&
    !(one.getAttribute('aria-label') || one.getAttribute('aria-labelledby') || one.labels?.length || one.textContent.trim())).map((one) => one.outerHTML)`;
  expect(await page.value(nameless)).toEqual([]);
  expect(await page.value("document.querySelectorAll('table:not(:has(caption)), thead th:not([scope])').length")).toBe(0);
}

/** From the list with the arrow keys into a request and back, without a mouse. */
export async function openByKeyboard(page: Page, row: number): Promise<void> {
  await page.value('document.querySelector(\'#requests tbody button[tabindex="0"]\').focus()');
  for (let step = 0; step < row; step++) await page.press('ArrowDown');
  const sequence = await page.value<string>('document.activeElement.dataset.sequence');
  expect(sequence).toBe(await page.value(`document.querySelectorAll('#requests tbody button')[${row}].dataset.sequence`));
  await page.press('Enter');
  await vi.waitFor(async () => expect(await page.value("document.querySelector('#request').open")).toBe(true));
}

export async function closeByKeyboard(page: Page, row: number): Promise<void> {
  await page.press('Escape');
  await vi.waitFor(async () => expect(await page.value("document.querySelector('#request').open")).toBe(false));
  expect(await page.value(`document.activeElement === document.querySelectorAll('#requests tbody button')[${row}]`)).toBe(true);
}

/** Takes a picture; `TIERKIT_SCREENSHOTS` names the folder that it is kept in. */
export async function picture(page: Page, name: string, { width, scheme }: Look): Promise<void> {
  const png = await page.screenshot();
  expect(png.subarray(1, 4).toString()).toBe('PNG');
  const folder = process.env['TIERKIT_SCREENSHOTS'];
  if (folder === undefined) return;
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, `${name}-${width}-${scheme}.png`), png);
}
