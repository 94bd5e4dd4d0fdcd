import { expect, test } from 'vitest';

import { readOptions } from '../../kserve/simulator/main.ts';
import { makeKeys } from './keys.ts';
import { plan, wantedPorts } from './plan.ts';

const ports = { tierOne: 1, tierOneAdmin: 2, tierTwo: 3, tierTwoAdmin: 4, podsSmall: 5, podsLarge: 7 };

test('pods start first, then tier two, then tier one; each tier has its own key and the ports of what is behind it', () => {
  const keys = makeKeys();
  keys.remove();
  const configuration = { tierOne: '/c/one', tierTwo: '/c/two' };
  const stages = plan({ configuration, ports, keys, speed: 2, drain: '3s', accessLog: false }, { PATH: '/bin' });
  expect(stages.map((stage) => stage.map(({ name }) => name))).toEqual([['pods-small', 'pods-large'], ['tier-two'], ['tier-one']]);

  const [[small, large], [two], [one]] = stages as [(typeof stages)[0], (typeof stages)[0], (typeof stages)[0]];
  // Args: script, command, options.
  expect(readOptions(small!.args.slice(2))).toMatchObject({ model: 'demo-small', pods: 2, port: 5, loras: ['demo-small-sql'], speed: 2 });
  expect(readOptions(large!.args.slice(2))).toMatchObject({ model: 'demo-large', pods: 1, port: 7, loras: [], speed: 2 });
  expect(small!.probes).toEqual(['http://127.0.0.1:5/health', 'http://127.0.0.1:6/health']);

  expect(two!.args.slice(1)).toEqual(
    `tier2 /c/two --port=3 --admin-port=4 --drain=3s --signing-key=${keys.tierTwo.signingKey} --peer-keys=${keys.tierTwo.peerKeys} --no-access-log`.split(
      ' ',
    ),
  );
  expect(two!.env).toMatchObject({
    PATH: '/bin',
    TIERKIT_PODS_SMALL: '127.0.0.1:5,127.0.0.1:6',
    TIERKIT_PODS_LARGE: '127.0.0.1:7',
  });
  expect(one!.args.slice(1, 5)).toEqual(['run', '/c/one', '--port=1', '--admin-port=2']);
  expect(one!.args).toContain(`--signing-key=${keys.tierOne.signingKey}`);
  expect(one!.env).toMatchObject({ TIERKIT_TIER_TWO_PORT: '3' });
});

test('the pods are wished for in one row, or anywhere', () => {
  const first = { tierOne: 1, tierOneAdmin: 2, tierTwo: 3, tierTwoAdmin: 4 };
  const rowOf = (pods: number) => {
    const { podsSmall, podsLarge } = wantedPorts({ ...first, pods });
    return [podsSmall.port, podsSmall.count, podsLarge.port];
  };
  expect(rowOf(8000)).toEqual([8000, 2, 8002]);
  expect(rowOf(0)).toEqual([0, 2, 0]);
});
