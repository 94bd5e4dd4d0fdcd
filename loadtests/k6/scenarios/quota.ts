import { optionsOf } from '../script/options.ts';

export * from '../script/behaviour.ts';
export const options = optionsOf('quota');
