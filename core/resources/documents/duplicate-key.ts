const STRING = /"[^"\\]*(?:\\.[^"\\]*)*"/y;
const COLON = /\s*:/y;

/** The first member name that occurs twice in an object of a valid JSON text, which JSON.parse lets pass, and where. */
export function duplicateKey(json: string): { readonly name: string; readonly offset: number } | undefined {
  const open: Set<string>[] = [];
  for (let at = 0; at < json.length; at++) {
    const char = json[at];
    if (char === '{') open.push(new Set());
    else if (char === '}') open.pop();
    if (char !== '"') continue;
    STRING.lastIndex = at;
    const [quoted] = STRING.exec(json)!;
    const offset = at;
    at += quoted.length - 1;
    COLON.lastIndex = at + 1;
    // Only a member name is followed by a colon.
    if (!COLON.test(json)) continue;
    const name = JSON.parse(quoted) as string;
    const names = open.at(-1)!;
    if (names.has(name)) return { name, offset };
    names.add(name);
  }
  return undefined;
}
