// Matches names against the patterns of settings (policy, routes, mutes), where `*` is any text.

/** Whether a pattern matches the whole name, with its case, as PostgreSQL compares names. */
export function namePattern(patterns: readonly string[]): (name: string) => boolean {
  const all = patterns.map((pattern) => pattern.split('*'));
  const known = new Map<string, boolean>();
  return (name) => {
    let answer = known.get(name);
    if (answer === undefined) {
      answer = all.some((parts) => matches(name, parts));
      known.set(name, answer);
    }
    return answer;
  };
}

/**
 * Each part where it first fits, the first at the start and the last at the end. A regular expression would go back and
 * forth over a pattern with many stars.
 */
function matches(name: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  const last = rest.pop();
  if (last === undefined) return name === first;
  if (!name.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}
