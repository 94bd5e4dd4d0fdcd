import type { Size } from './request.ts';

const STEP = 16;
const LEAST = 320;
const MOST = 4096;
const MOST_PIXELS = 4_194_304;
const MOST_RATIO = 4;
/** A size that is changed is cut to whole steps, which may stretch it: this much stays within the ratio. */
const SAFE_RATIO = 3.8;

/**
 * The size itself where Nova Canvas makes it, or one like it.
 *
 * @see https://docs.aws.amazon.com/nova/latest/userguide/image-gen-access.html
 */
export function canvasSize(size: Size): Size {
  if (isMade(size)) return size;
  const ratio = between(1 / SAFE_RATIO, size.width / size.height, SAFE_RATIO);
  const pixels = between(LEAST * LEAST * Math.max(ratio, 1 / ratio), size.width * size.height, MOST_PIXELS);
  return { width: inSteps(Math.sqrt(pixels * ratio)), height: inSteps(Math.sqrt(pixels / ratio)) };
}

export function isMade({ width, height }: Size): boolean {
  const sides = [width, height].every((side) => side >= LEAST && side <= MOST && side % STEP === 0);
  return sides && width * height <= MOST_PIXELS && Math.max(width / height, height / width) <= MOST_RATIO;
}

function between(least: number, value: number, most: number): number {
  return Math.min(Math.max(value, least), most);
}

function inSteps(side: number): number {
  return Math.max(LEAST, Math.floor(side / STEP) * STEP);
}
