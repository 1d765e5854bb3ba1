// Loads the configuration from outside of the bundle; the last good one takes the place of one that can't be used.

import { withDeployedSettings } from '../config/deployed.ts';
import { ConfigFileError, parseConfigText } from '../config/file.ts';
import { type Config, ConfigError, TARGET_NAME } from '../config/index.ts';
import type { ConfigurationFacts, ListedConfiguration } from '../model/cloud.ts';
import { type ConfigLocation, configLocationName, describeConfigLocation } from '../model/config-location.ts';
import { showName } from '../model/given-text.ts';
import type { KeptConfig, KeptConfigStore } from '../model/kept-config.ts';
import { type Clock, endsAfter, HOUR_MS, msBetween } from '../model/time.ts';
import { displayProse } from '../report/text.ts';
import { orAbort } from '../runtime/waiting.ts';
import { ConfigLocationError, locationFailure } from './failure.ts';

/** @returns the bytes that the location holds @throws ConfigLocationError, and errors of the SDK */
export type ReadDocument = (signal: AbortSignal) => Promise<Buffer>;

/** The configuration of a run, and what is to be said about it. */
export interface LoadedConfig {
  readonly config: Config;
  readonly listed: ListedConfiguration;
  /** Failures that the run goes on after. */
  readonly errors: readonly unknown[];
}

export interface ConfigLoaderOptions {
  readonly location: ConfigLocation;
  readonly read: ReadDocument;
}

export interface LoadOptions {
  /** The settings of the deployment. */
  readonly deployed: Config;
  /** Undefined: the deployment keeps no state. */
  readonly store: KeptConfigStore | undefined;
  readonly clock: Clock;
}

export type ConfigLoader = (options: LoadOptions) => Promise<LoadedConfig>;

/** Milliseconds that reading the location may take, attempts included. */
const TIMEOUT_MS = 15_000;

/** Milliseconds after which a configuration that did not change is saved again, with its new time. */
const SAVED_AGAIN_MS = HOUR_MS;

/** Problems of a document, and names of targets, that a message has. */
const MOST_SHOWN = 5;

/** Characters of a sentence about a document. */
const LONGEST = 1_000;

/** One for an execution environment: it keeps the last good configuration from run to run too. */
export function createConfigLoader({ location, read }: ConfigLoaderOptions): ConfigLoader {
  const name = configLocationName(location);
  const shownAs = `the configuration in ${describeConfigLocation(location)}`;
  let last: KeptConfig | undefined;

  return async ({ deployed, store, clock }) => {
    const readAt = clock().toISOString();
    const document = await attempt(() => text(location, read));
    const settled = typeof document === 'string' ? await attempt(() => settle(document, deployed, shownAs)) : document;
    if (typeof document === 'string' && !(settled instanceof Error)) {
      last = { text: document, readAt };
      const failed = await keep(last, store);
      return {
        config: settled.config,
        listed: listedAs(name, { notInEffect: settled.notInEffect }),
        errors: failed === undefined ? [] : [failed],
      };
    }
    const problem = shown(settled as Error);
    const good = await lastGood(problem, { deployed, store });
    const added = addedTargets(document, good.config);
    return {
      config: good.config,
      listed: listedAs(name, { problem, lastReadAt: good.readAt, added, notInEffect: good.notInEffect }),
      errors: [],
    };
  };

  /**
   * Compares with what is there, not with what was saved from here: another environment may have kept another document
   * since, or have been faster. One that can't be read is replaced.
   *
   * @returns why it could not be saved
   */
  async function keep(good: KeptConfig, store: KeptConfigStore | undefined): Promise<Error | undefined> {
    if (store === undefined) return undefined;
    const kept = await attempt(() => store.read(name));
    if (!(kept instanceof Error) && isSavedAlready(kept, good)) return undefined;
    const saved = await attempt(() => store.save(name, good));
    return saved instanceof Error ? saved : undefined;
  }

  /** @throws ConfigLocationError where there is none: the run can't audit anything */
  async function lastGood(problem: string, { deployed, store }: Omit<LoadOptions, 'clock'>) {
    const kept = store === undefined ? undefined : await attempt(() => store.read(name));
    let unusable: string | undefined;
    for (const { text: document, readAt } of latestFirst([kept, last])) {
      const settled = await attempt(() => settle(document, deployed, 'the last good configuration'));
      if (!(settled instanceof Error)) return { ...settled, readAt };
      unusable ??= `the last good one can't be used either: ${shown(settled)}`;
    }
    const why =
      unusable ??
      (kept instanceof Error ? `an earlier one could not be read: ${shown(kept)}` : 'no earlier one is kept');
    throw new ConfigLocationError(`No target was audited: ${problem}; ${why}. Correct the configuration.`);
  }
}

async function text(location: ConfigLocation, read: ReadDocument): Promise<string> {
  const signal = endsAfter(TIMEOUT_MS);
  try {
    const bytes = await orAbort(read(signal), signal);
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch (error) {
    if (error instanceof TypeError && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA') {
      throw new ConfigLocationError(`${describeConfigLocation(location)} is not text in UTF-8`);
    }
    throw locationFailure(location, error);
  }
}

function settle(document: string, deployed: Config, shownAs: string) {
  return withDeployedSettings(parseConfigText(document, shownAs), deployed, shownAs);
}

/** The result, or the error: a broken configuration must never end a run that has a good one. */
async function attempt<T>(work: () => T | Promise<T>): Promise<T | Error> {
  try {
    return await work();
  } catch (error) {
    return error instanceof Error ? error : new Error('unknown cause');
  }
}

function isSavedAlready(kept: KeptConfig | undefined, { text: document, readAt }: KeptConfig): boolean {
  if (kept === undefined || kept.text !== document) return false;
  const age = msBetween(kept.readAt, readAt);
  return age >= 0 && age < SAVED_AGAIN_MS;
}

function latestFirst(configs: readonly (KeptConfig | Error | undefined)[]): readonly KeptConfig[] {
  return configs
    .filter((each): each is KeptConfig => each !== undefined && !(each instanceof Error))
    .sort((a, b) => msBetween(a.readAt, b.readAt));
}

/** A sentence without its period. Of an error that is not foreseen only the name: its message may hold anything. */
function shown(error: Error): string {
  if (error instanceof ConfigError) {
    const more = error.problems.length - MOST_SHOWN;
    const problems = error.problems
      .slice(0, MOST_SHOWN)
      .map(({ path, message }) => `${path === '' ? '(document)' : path}: ${message}`);
    const all = [...problems, ...(more > 0 ? [`and ${more} more`] : [])].join('; ');
    return displayProse(`${error.source} has wrong settings: ${all}`, LONGEST);
  }
  if (error instanceof ConfigFileError || error instanceof ConfigLocationError || error.name === 'StateError') {
    return displayProse(error.message.replace(/\.$/, ''), LONGEST);
  }
  return `it can't be used (${/^\w{1,60}$/.test(error.name) ? error.name : 'unknown cause'})`;
}

/** What a document that can't be used names, as far as it has targets, and the other configuration does not have. */
function addedTargets(document: string | Error, { targets }: Config): ConfigurationFacts['added'] {
  const names = typeof document === 'string' ? namesOf(document) : [];
  const known = new Set(targets.map(({ name }) => name));
  const added = [...new Set(names)].filter((name) => !known.has(name));
  return { count: added.length, names: added.slice(0, MOST_SHOWN).map(showName) };
}

function namesOf(document: string): readonly string[] {
  try {
    const { targets } = Object(JSON.parse(document)) as { readonly targets?: unknown };
    if (!Array.isArray(targets)) return [];
    return targets
      .map((target) => Object(target).name)
      .filter((name) => typeof name === 'string' && TARGET_NAME.test(name));
  } catch {
    return [];
  }
}

function listedAs(name: string, facts: Partial<ConfigurationFacts>): ListedConfiguration {
  return {
    name: `configuration:${name}`,
    facts: { is: 'configuration', added: { count: 0, names: [] }, notInEffect: [], ...facts },
  };
}
