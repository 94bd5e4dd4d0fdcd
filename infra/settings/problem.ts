/** One thing that is wrong with the settings. */
export interface SettingsProblem {
  /** Such as `providers[0].key.from`; empty for the whole. */
  readonly path: string;
  /** What is wrong, why, and the nearest name that would be right. */
  readonly message: string;
}

/** Settings that no platform can be made of, with everything that is wrong. */
export class InvalidSettings extends Error {
  override readonly name = 'InvalidSettings';
  readonly problems: readonly SettingsProblem[];

  constructor(problems: readonly SettingsProblem[]) {
    const lines = problems.map(({ path, message }) => (path === '' ? message : `${path}: ${message}`));
    super(`${problems.length} ${problems.length === 1 ? 'problem' : 'problems'} in the settings\n${lines.join('\n')}`);
    this.problems = problems;
  }
}
