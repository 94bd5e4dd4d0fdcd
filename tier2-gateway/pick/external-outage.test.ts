import { describe, expect, it } from 'vitest';

import { Clock } from '../picker/pool.fixture.ts';
import { ConnectionDoubt, PickerOutage } from './external-outage.ts';

function outage(): { clock: Clock; said: string[]; picker: PickerOutage } {
  const clock = new Clock();
  const said: string[] = [];
  return { clock, said, picker: new PickerOutage((message) => said.push(message), clock.now) };
}

describe('ConnectionDoubt', () => {
  it('grows with each silence in a row, and spares a connection that is new', () => {
    const clock = new Clock();
    const doubt = new ConnectionDoubt(clock.now);
    const silences = (count: number): boolean[] => Array.from({ length: count }, () => doubt.silent());
    expect(silences(2)).toEqual([false, false]);
    doubt.answered();
    expect(silences(4)).toEqual([false, false, true, false]);
    expect(silences(4)).toEqual([false, false, false, false]);
    clock.at += 5000;
    expect(silences(2)).toEqual([true, false]);
  });
});

describe('PickerOutage', () => {
  it('tells an outage once, and its end', () => {
    const { clock, said, picker } = outage();
    picker.answered();
    for (let pick = 0; pick < 1000; pick++) picker.failed('down', true);
    clock.at = 65_300;
    picker.skipped();
    picker.answered();
    picker.answered();
    expect(said).toEqual(['down', 'the endpoint picker answers again, after 65.3 s and 1001 picks without it']);
  });

  it('does not fill the log with a picker that comes and goes, and still tells an outage that lasts', () => {
    const { clock, said, picker } = outage();
    for (let turn = 0; turn < 500; turn++) {
      clock.at = turn * 10;
      picker.failed('down', true);
      picker.answered();
    }
    expect(said).toHaveLength(2);
    clock.at = 9000;
    picker.failed('down', true);
    expect(said).toHaveLength(2);
    clock.at = 10_000;
    picker.failed('still down', true);
    expect(said.slice(2)).toEqual(['still down']);
  });

  it('spares requests the wait for a picker that hangs, and finds it again', () => {
    const { clock, picker } = outage();
    picker.failed('slow', true);
    picker.failed('slow', true);
    expect(picker.worthAsking).toBe(true);
    picker.failed('slow', true);
    expect(picker.worthAsking).toBe(false);
    clock.at = 1000;
    // One of those that come now.
    expect([picker.worthAsking, picker.worthAsking, picker.worthAsking]).toEqual([true, false, false]);
    picker.failed('slow', true);
    clock.at = 1999;
    expect(picker.worthAsking).toBe(false);
    clock.at = 2000;
    expect(picker.worthAsking).toBe(true);
    picker.answered();
    expect([picker.worthAsking, picker.worthAsking]).toEqual([true, true]);
  });

  it('goes on asking a picker that answers nonsense', () => {
    const { picker } = outage();
    for (let pick = 0; pick < 10; pick++) picker.failed('nonsense', false);
    expect(picker.worthAsking).toBe(true);
  });

  it('tells notes of one sort once a minute, and how many there were', () => {
    const { clock, said, picker } = outage();
    for (let note = 0; note < 5; note++) picker.note('headers', 'host');
    picker.note('skipped', '10.9.9.9:1');
    clock.at = 60_000;
    picker.note('headers', 'host');
    expect(said).toEqual(['host', '10.9.9.9:1', 'host (and 4 times since this was last told)']);
  });
});
