// A guardrail: prompts that hold a private key or a card number go to no provider.
import { type Extension, type ExtensionRequest, Refusal } from '../../gateway/extensions/extension.ts';

/** PEM of a private key (RFC 7468), and key tokens that a provider hands out. */
const PRIVATE_KEY = /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----|\bAKIA[0-9A-Z]{16}\b|\bgh[pousr]_[A-Za-z0-9]{36,}\b/;
/** 13 to 19 digits, as ISO/IEC 7812 has them, in groups or in one piece. */
const DIGITS = /(?<![\d.])\d(?:[ -]?\d){12,18}(?![\d.])/g;

export default {
  name: 'guardrail',
  authorize(request) {
    for (const text of textsOf(request)) {
      if (PRIVATE_KEY.test(text)) throw new Refusal('the prompt holds a private key or an access key; take it out and send it again');
      if (holdsCardNumber(text)) throw new Refusal('the prompt holds what looks like a card number; take it out and send it again');
    }
  },
} satisfies Extension;

/** Every text of a body, whatever the API: message parts, tool arguments, inputs. Data URLs of images and files are no texts. */
function* textsOf(request: ExtensionRequest): Iterable<string> {
  const left: unknown[] = [request.json()];
  while (left.length > 0) {
    const value = left.pop();
    if (typeof value === 'string') {
      if (!value.startsWith('data:')) yield value;
    } else if (typeof value === 'object' && value !== null) {
      // One at a time: a spread of a very long array would not fit on the stack.
      for (const member of Object.values(value)) left.push(member);
    }
  }
}

export function holdsCardNumber(text: string): boolean {
  for (const [found] of text.matchAll(DIGITS)) {
    const digits = found.replaceAll(/\D/g, '');
    // Cards begin with 2 to 6; a run of one digit is a placeholder.
    if (/^[2-6]/.test(digits) && !/^(\d)\1+$/.test(digits) && passesLuhn(digits)) return true;
  }
  return false;
}

/** The check digit of ISO/IEC 7812-1, annex B: nine out of ten numbers that only look like a card's do not have it. */
function passesLuhn(digits: string): boolean {
  let sum = 0;
  for (let place = 0; place < digits.length; place++) {
    const digit = Number(digits[digits.length - 1 - place]);
    const doubled = place % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
