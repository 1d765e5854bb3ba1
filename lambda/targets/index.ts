// Registers the sources of targets, and lists the targets of all of them.

import { type Config, unmatchedByTargets } from '../config/index.ts';
import { type CloudListing, type CloudPlace, NO_CLOUD } from '../model/cloud.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import type { NamedTarget, Target } from '../model/target.ts';
import { systemClock } from '../model/time.ts';
import { configuredTargets } from './configured.ts';
import type { Choice, Listing, SourceContext, TargetSource, TargetSourceFactory } from './contract/source.ts';
import { fileTargets } from './file.ts';
import { rdsTargets } from './rds.ts';

export type { Choice, SourceContext, TargetSourceFactory } from './contract/source.ts';

/** Every source. Of two targets with one name, the first source's is audited, and the list counts as incomplete. */
export const TARGET_SOURCES: readonly TargetSourceFactory[] = [configuredTargets, fileTargets, rdsTargets];

/** Milliseconds that a source may take: the audit needs the rest of the run. */
const SOURCE_TIMEOUT_MS = 30_000;

export interface TargetList {
  /** The targets of the sources that answered, to audit. */
  readonly found: readonly Target[];
  /**
   * These and the targets that exist but can't be audited now, where every source answered; else why there may be more.
   * A target that is missing from an incomplete list is not a target that was removed.
   */
  readonly all: Observed<readonly NamedTarget[]>;
  /** What is not as the configuration means it, as sentences without their period. */
  readonly warnings: readonly string[];
  /** What the sources know without a login. */
  readonly cloud: CloudListing;
  /** Each database that a source saw, audited or not. */
  readonly choices: readonly Choice[];
}

/**
 * Lists the targets of all sources. Never rejects: a source that fails makes the list incomplete.
 *
 * @param signal ends the wait for the sources, which is 30 seconds at most
 */
export async function listTargets(
  sources: readonly TargetSourceFactory[],
  config: Config,
  signal?: AbortSignal,
  context: SourceContext = { folder: '.', clock: systemClock },
): Promise<TargetList> {
  const timeout = AbortSignal.timeout(SOURCE_TIMEOUT_MS);
  const limit = signal === undefined ? timeout : AbortSignal.any([signal, timeout]);
  const lists = await Promise.all(sources.map((source) => listOf(source(config, context), limit)));
  const found = new Map<string, Target>();
  const dormant = new Map<string, NamedTarget>();
  const gaps = lists.flatMap((list) => list.gaps);
  for (const target of lists.flatMap(({ targets }) => targets)) {
    if (found.has(target.name)) gaps.push(`two sources name a target "${target.name}"`);
    else found.set(target.name, target);
  }
  for (const target of lists.flatMap((list) => list.dormant)) {
    if (!found.has(target.name)) dormant.set(target.name, target);
  }
  const cloud = cloudOf(lists, config);
  const targets = [...found.values()];
  const existing = [...targets, ...dormant.values(), ...cloud.places.map(({ name }) => ({ name, labels: {} }))];
  // Without discovery, the configuration was refused for what matches nothing.
  const unmatched = config.discovery.length > 0 && gaps.length === 0 ? unmatchedByTargets(config, existing) : [];
  return {
    found: targets,
    all: gaps.length === 0 ? known(existing) : unknown(gaps.join('; ')),
    warnings: [...lists.flatMap(({ warnings }) => warnings), ...unmatched],
    cloud,
    choices: lists.flatMap(({ choices }) => choices),
  };
}

async function listOf(source: TargetSource, signal: AbortSignal): Promise<Listing> {
  try {
    const answer = await Promise.race([source(signal), rejectAtEnd(signal)]);
    if (!('known' in answer)) return answer;
    return answer.known
      ? { ...NOTHING, targets: answer.value, choices: answer.value.map(choiceOf) }
      : gap(answer.reason);
  } catch (error) {
    // An unforeseen message may hold a secret: only the name of the error is shown.
    const name = error instanceof Error ? error.name : 'unknown error';
    return gap(signal.aborted ? 'a source of targets did not answer in time' : `a source of targets failed (${name})`);
  }
}

const NOTHING: Listing = { targets: [], dormant: [], gaps: [], warnings: [], cloud: NO_CLOUD, choices: [] };

function gap(reason: string): Listing {
  return { ...NOTHING, gaps: [reason] };
}

/** The place of what fails outside of every place that a source lists. */
const WHOLE = 'discovery:all';

/** Of all sources; with rules of discovery, also why more targets may be missing than the places say. */
function cloudOf(lists: readonly Listing[], { discovery }: Pick<Config, 'discovery'>): CloudListing {
  const databases = lists.flatMap(({ cloud }) => cloud.databases);
  const places = lists.flatMap(({ cloud }) => cloud.places);
  if (discovery.length === 0) return { databases, places };
  const failures = lists.flatMap(({ gaps, cloud }) => (cloud.places.length === 0 ? gaps : []));
  const whole: CloudPlace = { is: 'place', failures, uncovered: known([]), proxies: known([]) };
  return { databases, places: [...places, { name: WHOLE, facts: whole }] };
}

function choiceOf({ name, host, port }: Target): Choice {
  const reason = 'the configuration names it';
  return { name, host: host ?? null, port: port ?? null, region: null, account: null, taken: true, reason };
}

/** Rejects once the signal ends: not every source heeds it. */
async function rejectAtEnd(signal: AbortSignal): Promise<never> {
  return await new Promise((_, reject) => {
    if (signal.aborted) reject(signal.reason);
    signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  });
}
