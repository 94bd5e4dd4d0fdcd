/** Takes a header off a flat list, in place. @param headers name, value, … @param name in lower case */
export function without(headers: string[], name: string): void {
  for (let at = headers.length - 2; at >= 0; at -= 2) if (headers[at] === name) headers.splice(at, 2);
}
