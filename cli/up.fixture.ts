// For tests: `tierkit up` on any free ports, and what can be seen of it.
import { readdirSync } from 'node:fs';

import { expect } from 'vitest';

import { alive, type EventOf, listens, until } from '../infra/local/children.fixture.ts';
import type { PlatformEvent } from '../infra/local/events.ts';
import { type Env, start } from './command.fixture.ts';

export type RunningPlatform = ReturnType<typeof startUp>;

export const ANY_PORTS = ['--port', '0', '--admin-port', '0', '--tier-two-port', '0', '--tier-two-admin-port', '0', '--pods-port', '0'];

/** Starts a platform, and reads its events. @param temporary where it makes its own folder, to see what it leaves */
export function startUp(temporary: string, args: readonly string[], env: Env = {}) {
  const running = start(['up', '--json', ...ANY_PORTS, ...args], { TMPDIR: temporary, ...env });
  const all = () =>
    running
      .stdout()
      .split('\n')
      .slice(0, -1)
      .map((line) => JSON.parse(line) as PlatformEvent);
  const of = <Name extends PlatformEvent['event']>(name: Name, process?: string) =>
    all().filter(
      (each): each is EventOf<Name> => each.event === name && (process === undefined || ('process' in each && each.process === process)),
    );
  const next = async <Name extends PlatformEvent['event']>(name: Name, process?: string, number = 1) => {
    let found: EventOf<Name> | undefined;
    let over: number | string | undefined;
    void running.ended.then((code) => (over = code));
    await until(() => {
      found = of(name, process)[number - 1];
      if (found === undefined && over !== undefined)
        throw new Error(`ended with ${over} without ${name}: ${running.stdout()}${running.stderr()}`);
      return found !== undefined;
    });
    return found!;
  };
  const pidOf = (process: string) => of('starting', process).at(-1)!.pid!;
  const pids = () => of('starting').map(({ pid }) => pid!);
  /** Of everything that listens, as the table says. */
  const ports = () => of('up')[0]!.services.flatMap(({ where }) => (where.startsWith('http') ? [Number(new URL(where).port)] : []));
  return { ...running, of, next, pidOf, pids, ports };
}

export async function nothingIsLeft(platform: RunningPlatform, temporary: string, ports: readonly number[]): Promise<void> {
  expect(platform.pids().filter(alive)).toEqual([]);
  expect(readdirSync(temporary)).toEqual([]);
  expect(await noneListens(ports)).toBe(true);
}

export async function noneListens(ports: readonly number[]): Promise<boolean> {
  return !(await Promise.all(ports.map(listens))).includes(true);
}

export function chat(url: string, model: string, more: object = {}, signal?: AbortSignal): Promise<Response> {
  return fetch(`${url}/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, messages: [{ role: 'user', content: 'Say hello.' }], max_tokens: 5, ...more }),
    ...(signal === undefined ? {} : { signal }),
  });
}
