import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import type { Times } from './measure.ts';

/** How one run of the bench is to be done. */
export interface Plan extends Times {
  /** Of the load that goes to the mock directly, to know how fast it is. */
  readonly directSeconds: number;
  readonly soakSeconds: number;
  /** 'own' is the client of this folder. */
  readonly client: 'own' | 'wrk';
  /** Route rules of the row with many. */
  readonly routes: number;
  /** For configurations and logs; removed at the end. */
  readonly folder: string;
}

/** Figures of one run, by name. The names with a column of their own are in {@link COLUMNS}. */
export type Run = Readonly<Record<string, number | undefined>>;

/** A figure that stands in the table's last but one column. */
export interface Figure {
  readonly key: string;
  /** With `#` where the number goes: "# µs a chunk". */
  readonly text: string;
  readonly digits: number;
}

/** One line of the ladder. */
export interface Row {
  /** For `--only`. */
  readonly name: string;
  readonly work: string;
  readonly connections: number | undefined;
  readonly figures: readonly Figure[];
  /** What we want, in words. */
  readonly bar: string;
  /** Once is enough: rows that take minutes, or take their own samples. */
  readonly once?: true;
  run(plan: Plan): Promise<Run>;
}

export interface RowResult {
  readonly row: Pick<Row, 'name' | 'work' | 'connections' | 'figures' | 'bar'>;
  readonly runs: readonly Run[];
  /** Why there are no figures. */
  readonly failed?: string;
}

let files = 0;

/** Writes a configuration into a folder of its own: the gateway watches the folder of a file. */
export function writeConfig(plan: Plan, yaml: string): string {
  const folder = mkdtempSync(join(plan.folder, `config-${files++}-`));
  const file = join(folder, 'gateway.yaml');
  writeFileSync(file, yaml);
  return file;
}

export function removeFolder(folder: string): void {
  rmSync(folder, { recursive: true, force: true });
}
