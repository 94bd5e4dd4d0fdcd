import type { Service } from '../events.ts';
import { HOST, type Ports } from '../plan.ts';
import type { Choice } from './choose.ts';
import { ABOUT, type PartName, PARTS } from './parts.ts';
import type { PartPorts } from './ports.ts';
import type { OwnTraces } from './traces.ts';

const WHAT: Readonly<Record<PartName, string>> = {
  prometheus: 'metrics of both tiers and the pods; recording rules and alerts',
  phoenix: 'traces as conversations',
  jaeger: 'traces',
};

/** The parts' rows of the table that the start ends with. */
export function partServices(parts: Choice['parts'], ports: PartPorts, project: string, isReady: (part: PartName) => boolean): Service[] {
  return PARTS.filter((name) => parts[name] !== undefined).map((name) => ({
    service: name,
    where: `http://${HOST}:${ports[name]}`,
    what: `${WHAT[name]}${name === 'phoenix' ? `, in the project ${project}` : ''}${isReady(name) ? '' : ' (still starting)'}`,
  }));
}

function noPart(name: PartName): string {
  return `no ${ABOUT[name].title} (${ABOUT[name].how})`;
}

/** One line for each part that was not started, and why. */
export function partNotes({ parts, missing, idle }: Choice, own: OwnTraces, { tierOneAdmin }: Ports): string[] {
  const admin = `http://${HOST}:${tierOneAdmin}/`;
  const notes: string[] = [];
  if (missing.includes('prometheus'))
    notes.push(`There is ${noPart('prometheus')}, and no docker that answers: metrics are at ${admin}metrics`);
  if (parts.phoenix === undefined && parts.jaeger === undefined && missing.includes('phoenix')) {
    notes.push(`There is ${noPart('phoenix')}, ${noPart('jaeger')}, and no docker that answers: traces are on the status page: ${admin}`);
  }
  for (const name of PARTS.filter((each) => parts[each]?.by === 'docker')) {
    notes.push(`${ABOUT[name].title} runs in docker (${ABOUT[name].image}): an image that is not there yet is fetched first`);
  }
  if (idle.length > 0) {
    const names = idle.map((name) => ABOUT[name].title).join(' and ');
    const why = own.to === 'elsewhere' ? `traces go to ${own.where}, as ${own.setting} says` : 'the settings OTEL_… turn traces off';
    notes.push(`${names} ${idle.length > 1 ? 'are' : 'is'} not started: ${why}`);
  }
  return notes;
}
