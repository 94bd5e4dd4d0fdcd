import type { Settings } from './settings/settings.ts';

export { InvalidSettings, type SettingsProblem } from './settings/problem.ts';
export { readSettings } from './settings/read.ts';
export type * from './settings/settings.ts';
export type { Settings };
