// Summarises a digest in one line: for subjects, titles and text messages.

import { SEVERITIES } from '../model/severity.ts';
import type { Digest, DigestEntry } from './digest.ts';
import { countsText, list, plural } from './text.ts';

type Words = readonly [one: string, many: string];

/** The same words for a reason everywhere; none where a run can't compare. */
const REASON_WORDS: ReadonlyMap<DigestEntry['reason'], Words> = new Map([
  ['new', ['new', 'new']],
  ['escalated', ['worse', 'worse']],
  ['mute-expired', ['mute ended', 'mutes ended']],
  ['reminder', ['reminder', 'reminders']],
]);

/** What is left of the reasons where there is little room. */
const NEWS: readonly DigestEntry['reason'][] = ['new', 'escalated'];

/**
 * `2 critical, 3 high (4 new, 1 worse, 1 not audited), 1 resolved: orders, billing and 4 more`, with as many names,
 * three at most, as `maxLength` UTF-16 code units allow, and less of the rest when not even a number of databases fits.
 */
export function headline(digest: Digest, maxLength: number, targetName: (name: string) => string): string {
  const { targets } = digest;
  const databases = plural(targets.length, 'database');
  for (const what of summaries(digest)) {
    if (targets.length === 0 && what.length <= maxLength) return what;
    for (const names of [3, 2, 1]) {
      const text = `${what}: ${list(targets.slice(0, names).map(targetName).concat(targets.slice(names)), names)}`;
      if (targets.length > 0 && text.length <= maxLength) return text;
    }
    const text = `${what}: ${databases}`;
    if (text.length <= maxLength) return text;
  }
  return databases;
}

/** `2 new, 1 worse`, or just `new` when all are; empty where runs are not compared. */
export function reasonsText(
  active: readonly DigestEntry[],
  reasons: readonly DigestEntry['reason'][] = [...REASON_WORDS.keys()],
): string {
  const counts = Map.groupBy(active, ({ reason }) => reason);
  return reasons
    .flatMap((reason) => {
      const words = REASON_WORDS.get(reason);
      const count = counts.get(reason)?.length ?? 0;
      if (words === undefined || count === 0) return [];
      return count === active.length ? [words[0]] : [`${count} ${words[count === 1 ? 0 : 1]}`];
    })
    .join(', ');
}

/** From the fullest to the shortest. */
function* summaries(digest: Digest): Iterable<string> {
  const { active, resolved, unusedMutes, countBySeverity } = digest;
  const missed = digest.targetsByVerdict['not-audited'].length;
  const notAudited = missed > 0 ? `${missed} not audited` : '';
  const over = resolved.length > 0 ? `${resolved.length} resolved` : '';
  if (active.length === 0) {
    const muteText = `${plural(unusedMutes.length, 'mute')} ${unusedMutes.length === 1 ? 'matches' : 'match'} no finding`;
    yield `${over === '' ? muteText : over}${parenthesis(notAudited)}`;
    return;
  }
  const counts = countsText(countBySeverity);
  const end = over === '' ? '' : `, ${over}`;
  yield `${counts}${parenthesis(reasonsText(active), notAudited)}${end}`;
  yield `${counts}${parenthesis(reasonsText(active, NEWS), notAudited)}${end}`;
  yield `${counts}${parenthesis(notAudited)}${end}`;
  yield counts;
  const worst = SEVERITIES.toReversed().find((severity) => countBySeverity[severity] > 0) ?? digest.severity;
  yield `${countBySeverity[worst]} ${worst} and ${active.length - countBySeverity[worst]} more`;
}

function parenthesis(...parts: readonly string[]): string {
  const given = parts.filter((part) => part !== '');
  return given.length === 0 ? '' : ` (${given.join(', ')})`;
}
