// For tests: processes that run child.fixture.ts, and what can be seen of them from outside.
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import type { PlatformEvent } from './events.ts';
import { findPorts } from './ports.ts';
import { type ProcessSpec, SUPERVISOR, type SupervisorSettings } from './process.ts';

const CHILD = fileURLToPath(new URL('child.fixture.ts', import.meta.url));

/** As in production, with shorter waits. */
export const QUICK: SupervisorSettings = { ...SUPERVISOR, probeMs: 10, backoffMs: 10, mostBackoffMs: 40, killMs: 300 };

/** Without the settings that the test runner gives to Node. */
export const ENV = Object.fromEntries(Object.entries(process.env).filter(([name]) => !/^(NODE_|VITEST)/.test(name)));

export async function freePort(): Promise<number> {
  const [found] = await findPorts([{ process: 'test', port: 0 }]);
  return found!.port;
}

export function child(name: string, behaviour: string, port: number, detail: number | string = ''): ProcessSpec {
  return { name, args: [CHILD, behaviour, String(port), String(detail)], env: ENV, probes: [`http://127.0.0.1:${port}/`] };
}

export type EventOf<Name extends PlatformEvent['event']> = Extract<PlatformEvent, { event: Name }>;

/** Collects events, and waits for them. */
export class Events {
  readonly all: PlatformEvent[] = [];
  readonly #waiting = new Set<() => void>();

  readonly report = (event: PlatformEvent): void => {
    this.all.push(event);
    for (const look of this.#waiting) look();
  };

  of<Name extends PlatformEvent['event']>(name: Name, process?: string): EventOf<Name>[] {
    return this.all.filter(
      (each): each is EventOf<Name> => each.event === name && (process === undefined || ('process' in each && each.process === process)),
    );
  }

  /** Waits for the event of this name and process with this number, from 1. */
  next<Name extends PlatformEvent['event']>(name: Name, process?: string, number = 1): Promise<EventOf<Name>> {
    return new Promise((resolve) => {
      const look = () => {
        const event = this.of(name, process)[number - 1];
        if (event === undefined) return;
        this.#waiting.delete(look);
        resolve(event);
      };
      this.#waiting.add(look);
      look();
    });
  }
}

/** Whether something listens on the port. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => {
      socket.destroy();
      resolve(true);
    });
    socket.on('error', () => resolve(false));
  });
}

/** Not so when it has ended, and only waits for a parent that asks how. */
export function alive(pid: number): boolean {
  try {
    process.kill(pid, 0);
  } catch {
    return false;
  }
  try {
    return !readFileSync(`/proc/${pid}/stat`, 'utf8').includes(') Z ');
  } catch {
    // Either it ended just now, which the next look tells, or this system has no /proc.
    return true;
  }
}

/** Looks again and again; the test's own time limit ends it. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await delay(20);
}
