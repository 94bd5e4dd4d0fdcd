import { expect, test } from 'vitest';

import { platform } from '../charts/platform.ts';
import { programOf, twoClusters } from './program-settings.fixture.ts';
import { runProgram, UNKNOWN_VALUE } from './program.fixture.ts';
import { deploy } from './program.ts';

test('the first preview shows every object, though no address is known and no cluster is asked for one', async () => {
  const settings = twoClusters();
  const asked: string[] = [];
  const program = programOf(settings, ({ name }) => {
    asked.push(name);
    return Promise.reject(new Error('there is no cluster yet'));
  });
  const registered = await runProgram(() => deploy(program), true);
  const parts = platform(settings);
  const wanted = parts.reduce(
    (sum, { manifests, secrets, late }) =>
      sum + manifests.length + secrets.filter(({ existing }) => existing !== true).length + late.length,
    0,
  );
  expect(registered.filter(({ type }) => type.startsWith('kubernetes:'))).toHaveLength(wanted);
  expect(asked).toEqual([]);
  const late = registered.find(({ inputs }) => JSON.stringify(inputs).includes(UNKNOWN_VALUE))!;
  expect(late.inputs['metadata']).toMatchObject({ name: expect.any(String) as string });
});
