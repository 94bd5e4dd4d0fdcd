import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { LocalPlatform } from '../../../infra/local/platform.ts';
import { SUPERVISOR } from '../../../infra/local/process.ts';
import type { PlatformEvent } from '../../../infra/local/events.ts';
import { ADDRESSES, addressesOf, DEFAULT_BASE_URL } from '../plan/addresses.ts';
import type { Scenario } from '../plan/scenarios.ts';
import { type Environment, settingsOf } from '../plan/settings.ts';
import { besidePlatform, type Processes, wholePlatform } from './processes.ts';
import type { TenantLimit } from './resources.ts';

/** What runs while the load does. */
export interface Started {
  /** For the scripts: the variables that say where everything is. */
  readonly env: Record<string, string>;
  /** Of the processes that were started here. */
  readonly pids: ReadonlyMap<string, number>;
  /** What was started or found, in one line. */
  readonly what: string;
  readonly tenants: TenantLimit | undefined;
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly scenario: Scenario;
  readonly env: Environment;
  /** Of simulated pods that are started here. */
  readonly speed: number;
  /** Start a platform on any free ports, also where one answers. */
  readonly own: boolean;
  readonly say: (line: string) => void;
}

/** The platform cannot be had. */
export class NoPlatform extends Error {
  override readonly name = 'NoPlatform';
}

/**
 * Finds what the load is for, and starts what is not there: nothing where an address is given; the tiers alone beside a platform that
 * answers on the default ports; else the platform as well.
 * @throws NoPlatform
 */
export async function startTargets(options: StartOptions): Promise<Started> {
  const { env, own } = options;
  const given = ADDRESSES.filter((name) => (env[name] ?? '') !== '');
  if (given.length > 0 && !own) {
    return {
      env: {},
      pids: new Map(),
      what: `given by ${given.join(', ')}`,
      tenants: undefined,
      stop: async () => undefined,
    };
  }
  const isRunning = !own && (await answers(`${DEFAULT_BASE_URL}/v1/models`));
  const session = new Session(options);
  const cleared = Object.fromEntries(ADDRESSES.map((name) => [name, '']));
  try {
    const platform = isRunning ? addressesOfDefault() : await session.run(await wholePlatform(options.speed, own));
    const tenantLimit = tenantsOf(options);
    const tiers = settingsOf(env, options.scenario.defaults).tiers;
    const beside = await besidePlatform({
      model: settingsOf(env, options.scenario.defaults).model,
      pods: platform['POD_URLS']!.split(','),
      folder: session.folder,
      one: tiers.includes('one'),
      two: tiers.includes('two'),
      tenants: tenantLimit,
    });
    const more = await session.run(beside);
    const what = isRunning
      ? `the platform that runs at ${DEFAULT_BASE_URL}`
      : `a platform of its own at ${platform['BASE_URL']}, simulated pods at speed ${options.speed}`;
    return {
      env: { ...cleared, ...platform, ...more },
      pids: session.pids,
      what,
      tenants: tenantLimit,
      stop: () => session.stop(),
    };
  } catch (error) {
    await session.stop();
    throw error;
  }
}

/** Of what the busy tenant is going to ask for. */
const QUOTA_SHARE = 1 / 3;
/** Of a prompt, in the words of script/prompts.ts. */
const PROMPT_TOKENS = 75;

function tenantsOf({ scenario, env }: StartOptions): TenantLimit | undefined {
  if (!scenario.needs.includes('tenants')) return undefined;
  const { rate, seconds, maxTokens } = settingsOf(env, scenario.defaults);
  const tokensAnHour = Math.round(rate * seconds * (PROMPT_TOKENS + maxTokens) * QUOTA_SHARE);
  return { tokensAnHour, keys: { busy: 'not-a-secret-busy', calm: 'not-a-secret-calm' } };
}

function addressesOfDefault(): Record<string, string> {
  const { both, pods } = addressesOf({});
  return { BASE_URL: both!, POD_URLS: pods.join(',') };
}

async function answers(url: string): Promise<boolean> {
  return fetch(url, { signal: AbortSignal.timeout(2000), headers: { connection: 'close' } }).then(
    ({ ok }) => ok,
    () => false,
  );
}

/** All processes that one run has started. */
class Session {
  readonly pids = new Map<string, number>();
  readonly folder = mkdtempSync(join(tmpdir(), 'tierkit-load-'));
  readonly #platforms: LocalPlatform[] = [];
  readonly #removals: (() => void)[] = [];
  readonly #say: (line: string) => void;

  constructor({ say }: StartOptions) {
    this.#say = say;
    // When this process ends in the middle of it all. For SIGKILL there is infra/local/orphan.ts.
    process.once('exit', this.#kill);
  }

  /** @throws NoPlatform */
  async run({ stages, env, remove }: Processes): Promise<Readonly<Record<string, string>>> {
    this.#removals.push(remove);
    const platform = new LocalPlatform(stages, { ...SUPERVISOR, attempts: 1, killMs: 4000 }, (event) => this.#follow(event));
    this.#platforms.push(platform);
    if (!(await platform.start())) throw new NoPlatform(await platform.failed);
    return env;
  }

  async stop(): Promise<void> {
    for (const platform of this.#platforms.toReversed()) await platform.stop();
    this.#remove();
    process.off('exit', this.#kill);
  }

  readonly #kill = (): void => {
    for (const platform of this.#platforms) platform.kill();
    this.#remove();
  };

  #remove(): void {
    for (const remove of this.#removals) remove();
    rmSync(this.folder, { recursive: true, force: true });
  }

  #follow(event: PlatformEvent): void {
    if (event.event === 'starting' && event.pid !== undefined) this.pids.set(event.process, event.pid);
    if (event.event === 'crashed') this.#say(`${event.process} crashed\n${event.lines.map((line) => `  | ${line}`).join('\n')}`);
  }
}
