import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

import { didYouMean } from '#core/resources/nearest';

import { keysNote, kindsNote, onboardingFiles, onboardingStream } from './files.ts';
import { changeFiles, FolderTrouble, requestOf, requestsIn, writeFiles } from './folder.ts';
import { contextOf, offboard as stepsOf, planText } from './offboard.ts';
import { onboard as onboardingOf } from './onboard.ts';
import { platformOf } from './platform.ts';
import { readRequest, type RequestTexts } from './read.ts';
import { released, type ReleaseTexts } from './release.ts';
import { afterStep, releaseText } from './release-text.ts';
import type { OnboardingRequest } from './request.ts';
import { requestFile } from './request-file.ts';

/** What a command says. */
export interface Said {
  readonly stdout: string;
  /** For people, beside what a program reads. */
  readonly stderr: string;
}

export interface OnboardOptions {
  readonly texts: RequestTexts;
  /** File with more of them, where the command line has none. */
  readonly request?: string | undefined;
  /** File with the settings of the platform. */
  readonly settings: string | undefined;
  /** Folder with a folder for each team. */
  readonly out: string;
  readonly dryRun: boolean;
  readonly force: boolean;
}

/** Makes the files of a team, or prints what would be in them. @throws InvalidRequest, InvalidSettings, FolderTrouble */
export function onboard({ texts, request: more, settings: file, out, dryRun, force }: OnboardOptions): Said {
  const settings = platformOf(file);
  const given = Object.fromEntries(Object.entries(texts).filter(([, text]) => text !== undefined));
  const request = readRequest({ ...(more === undefined ? {} : requestFile(more)), ...given }, settings, requestsIn(out));
  const onboarding = onboardingOf(request, settings);
  const note = kindsNote(onboarding) + keysNote(request, settings.namespaces.tierOne, contextOf(settings, 'gateway'));
  if (dryRun) return { stdout: onboardingStream(onboarding), stderr: note };
  const { name } = request;
  const { written, same, left } = writeFiles(join(out, name), onboardingFiles(onboarding), force);
  const lines = [
    ...written.map((path) => `wrote ${join(out, name, path)}`),
    ...(same.length === 0 ? [] : [`${same.length} ${same.length === 1 ? 'file is' : 'files are'} as before`]),
    ...left.map((path) => `${join(out, name, path)} is not made any more, and no kustomization names it: remove it`),
  ];
  const apply = [
    '',
    'Apply them, the models first, or let GitOps do it:',
    `  kubectl${contextOf(settings, 'model')} apply -k ${join(out, name, 'model')}`,
    `  kubectl${contextOf(settings, 'gateway')} apply -k ${join(out, name, 'gateway')}`,
    '',
  ];
  return { stdout: `${[...lines, ...apply].join('\n')}\n${note}`, stderr: '' };
}

export interface OffboardOptions {
  readonly name: string;
  readonly settings: string | undefined;
  /** Folder that the team was written to. */
  readonly from: string;
  /** File for the plan. Absent: it is printed. */
  readonly out: string | undefined;
}

/** The plan of a team's way out. @throws FolderTrouble where the team is not known, InvalidSettings */
export function offboard({ name, settings: file, from, out }: OffboardOptions): Said {
  const settings = platformOf(file);
  const request = knownRequest(from, name);
  const text = planText(request, stepsOf(request, settings, from));
  if (out === undefined) return { stdout: text, stderr: '' };
  mkdirSync(dirname(out), { recursive: true });
  writeFileSync(out, text);
  return { stdout: `wrote ${out}\n`, stderr: '' };
}

export interface ReleaseOptions {
  readonly name: string;
  /** Without a step: what there is is told. */
  readonly texts: ReleaseTexts;
  readonly settings: string | undefined;
  /** Folder that the team was written to. */
  readonly from: string;
  readonly dryRun: boolean;
}

/**
 * Does one step of a release in the files of a team.
 * @throws FolderTrouble where the team is not known, or files were changed by others; InvalidRequest, InvalidSettings
 */
export function release({ name, texts, settings: file, from, dryRun }: ReleaseOptions): Said {
  const settings = platformOf(file);
  const before = knownRequest(from, name);
  if (texts.step === undefined) return { stdout: releaseText(before), stderr: '' };
  const after = released(before, texts);
  const [was, is] = [onboardingOf(before, settings), onboardingOf(after, settings)];
  const note = `${releaseText(after)}${afterStep(after, { was: was.model, is: is.model, settings, folder: join(from, name, 'model') })}`;
  if (dryRun) return { stdout: onboardingStream(is, ['model']), stderr: note };
  const { written } = changeFiles(join(from, name), onboardingFiles(was), onboardingFiles(is));
  return { stdout: [...written.map((path) => `wrote ${join(from, name, path)}`), note].join('\n'), stderr: '' };
}

function knownRequest(folder: string, name: string): OnboardingRequest {
  const request = requestOf(folder, name);
  if (request !== undefined) return request;
  const names = requestsIn(folder).map((each) => each.name);
  const known = names.length === 0 ? 'none is there' : `there: ${names.join(', ')}`;
  throw new FolderTrouble(
    `${folder} has no team "${name}"${didYouMean(name, names)} (${known}); --from names the folder that onboard wrote to`,
  );
}
