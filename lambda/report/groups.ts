// Groups findings by severity, check and remedy, so that messages state what they share once.

import { cachedBy } from '../model/cached-by.ts';
import type { Severity } from '../model/severity.ts';
import { countBySeverity } from './digest.ts';
import { ruleLocation } from './order.ts';
import type { ReportFinding } from './schema.ts';
import { countsText } from './text.ts';

interface OfFinding {
  readonly finding: ReportFinding;
}

/** Findings of one severity, check and remedy; or about rules of one file, with the parts of their remedies joined. */
export interface EntryGroup<Item extends OfFinding> {
  readonly severity: Severity;
  readonly check: string;
  /** Refers to a group above that states the same remedy. */
  readonly remedy: string;
  /** Whether `remedy` only refers to a group above. */
  readonly statedAbove: boolean;
  /** The title all of them share, if they do. */
  readonly title: string | undefined;
  readonly entries: readonly Item[];
}

interface Draft<Item> {
  readonly severity: Severity;
  readonly check: string;
  readonly remedy: string;
  readonly entries: readonly Item[];
}

/** Groups of findings, in the order in which the first of each comes. */
export function groupEntries<Item extends OfFinding>(entries: readonly Item[]): EntryGroup<Item>[] {
  const remedies = new Map<string, number>();
  const numberOf = (remedy: string): number => {
    const number = remedies.get(remedy) ?? remedies.size;
    remedies.set(remedy, number);
    return number;
  };
  const same = Map.groupBy(
    entries,
    ({ finding: { severity, check, remedy } }) => `${severity} ${check} ${numberOf(remedy)}`,
  );
  const drafts = [...same.values()].flatMap((group): Draft<Item>[] => {
    const [first] = group;
    if (first === undefined) return [];
    const { severity, check, remedy } = first.finding;
    return [{ severity, check, remedy, entries: group }];
  });
  const refer = referrer();
  return withRulesTogether(drafts).map((group) => {
    const titles = new Set(group.entries.map(({ finding }) => finding.title));
    const title = titles.size === 1 ? group.entries[0]?.finding.title : undefined;
    return { ...group, ...refer(group), title };
  });
}

/** Lines at the end that two remedies must share for the second one to refer to the first: fewer are as short. */
const FEWEST_SHARED = 4;

type Stated = Pick<EntryGroup<OfFinding>, 'remedy' | 'statedAbove'>;

/** Gives what a remedy says beside those of the same check that it was given before. */
function referrer(): (group: Pick<Draft<unknown>, 'check' | 'remedy'>) => Stated {
  const stated = new Set<string>();
  const byEnd = new Map<string, readonly string[]>();
  return ({ check, remedy }) => {
    const like = `s for ${check} above.`;
    const lines = remedy.split('\n');
    const [whole, end] = [JSON.stringify([check, remedy]), JSON.stringify([check, ...lines.slice(-FEWEST_SHARED)])];
    const above = byEnd.get(end);
    if (stated.has(whole)) return { remedy: `A${like}`, statedAbove: true };
    stated.add(whole);
    if (lines.length < FEWEST_SHARED) return { remedy, statedAbove: false };
    if (above === undefined) {
      byEnd.set(end, lines);
      return { remedy, statedAbove: false };
    }
    const shared = sharedEnd(lines, above);
    // What comes first is of other clients, such as the line of the driver that they probably have.
    const from = shared < above.length ? ` Begin at "${lines.at(-shared)}".` : '';
    const own = lines.slice(0, -shared);
    if (own.length === 0) return { remedy: `A${like}${from}`, statedAbove: true };
    return { remedy: [...own, `Then a${like}${from}`].join('\n'), statedAbove: false };
  };
}

function sharedEnd(a: readonly string[], b: readonly string[]): number {
  let shared = 0;
  while (shared < Math.min(a.length, b.length) && a.at(-1 - shared) === b.at(-1 - shared)) shared += 1;
  return shared;
}

/** Findings of one check about rules of one file are one group: what their remedies share is stated once. */
function withRulesTogether<Item extends OfFinding>(drafts: readonly Draft<Item>[]): Draft<Item>[] {
  const byFile = Map.groupBy(drafts, (draft) => {
    const [first] = draft.entries;
    const file = first === undefined ? undefined : ruleLocation(first.finding)?.file;
    const isOfOneTarget = new Set(draft.entries.map(({ finding }) => finding.target)).size === 1;
    if (file === undefined || !isOfOneTarget) return draft;
    return JSON.stringify([draft.severity, draft.check, first?.finding.target, file]);
  });
  return [...byFile.values()].flatMap((group) => {
    const [first] = group;
    const remedy = oneRemedy(group.map((draft) => draft.remedy));
    if (first === undefined || remedy === undefined) return group;
    return [{ ...first, remedy, entries: group.flatMap((draft) => draft.entries) }];
  });
}

/** The lines that all begin with, those of each by itself, and the lines that all end with; undefined without these. */
function oneRemedy(remedies: readonly string[]): string | undefined {
  const all = remedies.map((remedy) => remedy.split('\n'));
  const [first = []] = all;
  const shortest = Math.min(...all.map((lines) => lines.length));
  const isShared = (offset: (lines: readonly string[]) => string | undefined): boolean =>
    all.every((lines) => offset(lines) === offset(first));
  let start = 0;
  while (start < shortest && isShared((lines) => lines[start])) start += 1;
  let end = 0;
  while (end < shortest - start && isShared((lines) => lines.at(-1 - end))) end += 1;
  // A line that announces the next one stays with it.
  const announces = (line: string | undefined): boolean => line?.endsWith(':') ?? false;
  while (start > 0 && announces(first[start - 1])) start -= 1;
  while (end > 0 && all.some((lines) => announces(lines.at(-1 - end)))) end -= 1;
  if (start + end === 0) return undefined;
  const own = all.flatMap((lines) => lines.slice(start, lines.length - end));
  return [...first.slice(0, start), ...own, ...first.slice(first.length - end)].join('\n');
}

/** The part of a digest that a message shows: findings from the top, the resolved ones last. */
export interface Shown<Item, Resolved> {
  readonly active: readonly Item[];
  readonly resolved: readonly Resolved[];
  /** `12 more findings left out: 10 high, 2 medium`, `3 resolved left out`; undefined when nothing is. */
  readonly leftOut: string | undefined;
}

/** So many of each target find room before more of any: a person reads no more of one at a time. */
const TURN = 5;

/**
 * The order in which findings find room: the worst five of each target, in the order given, then the next five of each.
 * A database with very many, or one that makes them up, leaves no other out.
 */
export const inTurns = cachedBy(turnsOf) as <Item extends OfFinding>(active: readonly Item[]) => readonly Item[];

function turnsOf(active: readonly OfFinding[]): readonly OfFinding[] {
  const turns = [...Map.groupBy(active, ({ finding }) => finding.target).values()];
  const turnOf = new Map(turns.flatMap((own) => own.map((one, place) => [one, Math.floor(place / TURN)] as const)));
  return active.toSorted((a, b) => (turnOf.get(a) ?? 0) - (turnOf.get(b) ?? 0));
}

/** `most` of a digest's findings, in their order: those that are first `inTurns`. */
export function firstOf<Item extends OfFinding, Resolved>(
  { active, resolved }: { readonly active: readonly Item[]; readonly resolved: readonly Resolved[] },
  most: number,
): Shown<Item, Resolved> {
  const kept = most < active.length ? new Set(inTurns(active).slice(0, most)) : undefined;
  const shown = {
    active: kept === undefined ? active : active.filter((one) => kept.has(one)),
    resolved: resolved.slice(0, Math.max(0, most - active.length)),
  };
  const more = kept === undefined ? undefined : leftOut(active.filter((one) => !kept.has(one)));
  const resolvedMore = resolved.length - shown.resolved.length;
  const parts = [
    ...(more === undefined ? [] : [more]),
    ...(resolvedMore > 0 ? [`${resolvedMore} resolved left out`] : []),
  ];
  return { ...shown, leftOut: parts.length === 0 ? undefined : parts.join('; ') };
}

function leftOut(rest: readonly OfFinding[]): string | undefined {
  if (rest.length === 0) return undefined;
  const counts = countsText(countBySeverity(rest.map(({ finding }) => finding)));
  return `${rest.length} more ${rest.length === 1 ? 'finding' : 'findings'} left out: ${counts}`;
}
