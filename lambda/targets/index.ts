// Registers the sources of targets, and lists the targets of all of them.

import { type Config, unmatchedByTargets } from '../config/index.ts';
import { type CloudListing, type CloudPlace, NO_CLOUD } from '../model/cloud.ts';
import type { DiscoveryMemory, DiscoveryMemoryStore } from '../model/discovery-memory.ts';
import type { ListedReplicas } from '../model/listed-replicas.ts';
import { known, type Observed, unknown } from '../model/observed.ts';
import type { NamedTarget, Target } from '../model/target.ts';
import { systemClock } from '../model/time.ts';
import { configuredTargets } from './configured.ts';
import { givesWay } from './contract/explicit.ts';
import type { Choice, Listing, SourceContext, TargetSource, TargetSourceFactory } from './contract/source.ts';
import { fileTargets } from './file.ts';
import { EMPTY_MEMORY, expectedAgain, nextMemory, overdue } from './memory.ts';
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
  readonly replicas: ListedReplicas;
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
  const now = context.clock().toISOString();
  const memory = config.discovery.length === 0 ? undefined : await recall(context.memory, limit);
  const expected = memory === undefined ? [] : expectedAgain(memory, now);
  const lists = withoutNamedElsewhere(
    await Promise.all(sources.map((source) => listOf(source(config, { ...context, expected }), limit))),
  );
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
  const existing = [...targets, ...dormant.values(), ...listedNames(cloud).map((name) => ({ name, labels: {} }))];
  // What is not known may be what the configuration means. Without discovery, it was refused for what matches nothing.
  const isWhole = config.discovery.length > 0 && gaps.length === 0;
  const unmatched = isWhole
    ? [...lists.flatMap((list) => list.unmatched ?? []), ...unmatchedByTargets(config, existing)]
    : [];
  const elastic = lists.flatMap((list) => list.elastic ?? []);
  const note = isWhole && memory !== undefined ? await keep(nextMemory(memory, { unmatched, elastic, now })) : [];
  return {
    found: targets,
    all: gaps.length === 0 ? known(existing) : unknown(gaps.join('; ')),
    warnings: [
      ...lists.flatMap(({ warnings }) => warnings),
      ...(memory === undefined ? unmatched.map(({ message }) => message) : overdue(memory, unmatched, now)),
      ...note,
    ],
    replicas: new Map(lists.flatMap(({ replicas = [] }) => [...replicas])),
    cloud,
    choices: lists.flatMap(({ choices }) => choices),
  };

  async function keep(next: DiscoveryMemory): Promise<readonly string[]> {
    try {
      if (context.memory !== undefined) await Promise.race([context.memory.save(next), rejectAtEnd(limit)]);
      return [];
    } catch {
      return ['since when rules of discovery match nothing could not be saved: the next run does not know it'];
    }
  }
}

/** What a person has named, in the configuration or a file, is audited as it says there. */
function withoutNamedElsewhere(lists: readonly Listing[]): readonly Listing[] {
  const named = lists.filter((list) => list.givesWay !== true).flatMap(({ targets }) => targets);
  const why = givesWay({ targets: named });
  return lists.map((list) => {
    if (list.givesWay !== true) return list;
    const gone = new Map(
      list.targets.flatMap((target) => {
        const reason = why(target);
        return reason === undefined ? [] : [[target.name, reason] as const];
      }),
    );
    return {
      ...list,
      targets: list.targets.filter(({ name }) => !gone.has(name)),
      choices: list.choices.map((choice) => {
        const reason = choice.taken ? gone.get(choice.name) : undefined;
        return reason === undefined ? choice : { ...choice, taken: false, reason };
      }),
    };
  });
}

/** @returns undefined where nothing is kept from run to run, or it can't be read: then nothing has a day of grace */
async function recall(
  memory: DiscoveryMemoryStore | undefined,
  signal: AbortSignal,
): Promise<DiscoveryMemory | undefined> {
  try {
    if (memory === undefined) return undefined;
    return (await Promise.race([memory.read(), rejectAtEnd(signal)])) ?? EMPTY_MEMORY;
  } catch {
    return undefined;
  }
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
  const configuration = lists.find(({ cloud }) => cloud.configuration !== undefined)?.cloud.configuration;
  const listed = { databases, places, ...(configuration === undefined ? {} : { configuration }) };
  if (discovery.length === 0) return listed;
  const failures = lists.flatMap(({ gaps, cloud }) => (listedNames(cloud).length === 0 ? gaps : []));
  const whole: CloudPlace = { is: 'place', failures, uncovered: known([]), proxies: known([]) };
  return { ...listed, places: [...places, { name: WHOLE, facts: whole }] };
}

/** What has findings and is no target. */
function listedNames({ places, configuration }: CloudListing): readonly string[] {
  return [...places, ...(configuration === undefined ? [] : [configuration])].map(({ name }) => name);
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
