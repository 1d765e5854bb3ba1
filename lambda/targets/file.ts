// Lists the targets of the files that the configuration names in its rules of discovery.

import { isAbsolute, join } from 'node:path';
import { ConfigFileError, readConfigDocument } from '../config/file.ts';
import { ConfigError, type FileRule, parseTargetList } from '../config/index.ts';
import { toTarget } from '../config/to-target.ts';
import type { ListedPlace } from '../model/cloud.ts';
import { showPath } from '../model/given-text.ts';
import { known } from '../model/observed.ts';
import type { Target } from '../model/target.ts';
import { givesWay } from './contract/explicit.ts';
import type { Choice, Listing, TargetSourceFactory } from './contract/source.ts';

/** Paths within such a file are relative to the folder of the configuration, as those of the configuration are. */
export const fileTargets: TargetSourceFactory = (config, { folder }) => {
  const rules = config.discovery.filter((rule) => rule.source === 'file');
  return async () => {
    const targets: Target[] = [];
    const gaps: string[] = [];
    const choices: Choice[] = [];
    const places: ListedPlace[] = [];
    const why = givesWay(config);
    for (const rule of rules) {
      const list = read(rule, folder);
      if (typeof list === 'string') gaps.push(list);
      places.push(placeOf(rule, typeof list === 'string' ? [list] : []));
      for (const target of typeof list === 'string' ? [] : list) {
        const reason = why(target);
        if (reason === undefined) targets.push(target);
        choices.push(choiceOf(target, reason, rule));
      }
    }
    return { targets, dormant: [], gaps, warnings: [], cloud: { databases: [], places }, choices } satisfies Listing;
  };
};

/** @returns the targets, or why they can't be read, on one line */
function read({ file, defaults }: FileRule, folder: string): readonly Target[] | string {
  const path = isAbsolute(file) ? file : join(folder, file);
  const shownAs = showPath(file);
  try {
    const document = readConfigDocument(path, {
      shownAs,
      whenMissing:
        'write it, or correct its path under "discovery" of the configuration, whose folder it is relative to',
    });
    return parseTargetList(document, { source: shownAs, use: 'command-line' }).map((target) =>
      toTarget(target, defaults),
    );
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ConfigFileError)) throw error;
    return error.message.replaceAll(/:\n\s*/g, ': ').replaceAll(/\n\s*/g, '; ');
  }
}

function placeOf({ file }: FileRule, failures: readonly string[]): ListedPlace {
  return {
    name: `file:${showPath(file)}`,
    facts: { is: 'place', failures, uncovered: known([]), proxies: known([]) },
  };
}

function choiceOf(target: Target, givesWayTo: string | undefined, { file }: FileRule): Choice {
  return {
    name: target.name,
    host: target.host ?? null,
    port: target.port ?? null,
    region: null,
    account: null,
    taken: givesWayTo === undefined,
    reason: givesWayTo ?? `${showPath(file)} names it`,
  };
}
