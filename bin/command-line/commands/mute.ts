// Implements the command `mute`: prints the entry that mutes one finding, and changes nothing.

import { existsSync } from 'node:fs';
import { ConfigFileError, readConfigDocument } from '../../../lambda/config/file.ts';
import { type Config, ConfigError, parseConfig } from '../../../lambda/config/index.ts';
import { displayText } from '../../../lambda/model/display.ts';
import { showGiven, showPath } from '../../../lambda/model/given-text.ts';
import type { FindingRecord } from '../../../lambda/model/lifecycle.ts';
import type { Mute } from '../../../lambda/model/mute.ts';
import { systemClock } from '../../../lambda/model/time.ts';
import { displayTime, PLAIN } from '../../../lambda/report/text.ts';
import { refuseUnsafeEnvironment, thisProcess } from '../../../lambda/runtime/unsafe-environment.ts';
import type { Environment, MuteOptions } from '../grammar/options.ts';
import { UsageError } from '../grammar/usage-error.ts';
import { DEFAULT_CONFIG } from '../targets/configuration.ts';
import { servicesOfState } from '../targets/state.ts';
import { EXIT_CODES, type ExitCode } from '../terminal/exit-code.ts';
import { logStderr, print } from '../terminal/terminal.ts';
import { describeRecord, findRecord } from './muted-finding.ts';

/** As the configuration has it. */
interface MuteEntry {
  readonly fingerprint: string;
  readonly reason: string;
  readonly owner: string;
  readonly expires: string;
}

/** @throws UsageError, StateError */
export async function mute(fingerprint: string, options: MuteOptions): Promise<ExitCode> {
  refuseUnsafeEnvironment({ ...thisProcess(), services: servicesOfState(options.state) });
  const entry = {
    fingerprint: fingerprint.trim().toLowerCase(),
    reason: options.reason?.trim(),
    owner: (options.owner ?? defaultOwner(process.env))?.trim(),
    expires: options.until?.trim(),
  };
  const { expires, owner } = accepted(entry);
  const { where, targets } = destination(options.config, entry.fingerprint);
  const record = options.state === undefined ? undefined : await findRecord(options.state, entry.fingerprint);
  if (record !== undefined) refuseOtherTargets(record, targets, options.config);
  await print(`${JSON.stringify(entry, null, 2)}\n`);
  if (record !== undefined) for (const line of describeRecord(record)) logStderr(line);
  else logStderr(`the fingerprint must come from a run with this configuration: ${OTHER_FINGERPRINT}`);
  logStderr(`it mutes until ${displayTime(expires)}; its owner is ${displayText(owner, 200)}`);
  logStderr(where);
  return EXIT_CODES.passed;
}

/** A person's own login. What runs as root answers for nothing. */
function defaultOwner({ USER }: Environment): string | undefined {
  return USER === 'root' || USER === '' ? undefined : USER;
}

/** Parts of an entry, and how they are given here. */
const GIVEN_AS: Readonly<Record<keyof MuteEntry, string>> = {
  fingerprint: 'the fingerprint',
  expires: '--until',
  reason: '--reason',
  owner: '--owner',
};

/**
 * The entry as the configuration would take it.
 *
 * @throws UsageError that names every problem at once
 */
function accepted(entry: Readonly<Record<keyof MuteEntry, string | undefined>>): Mute {
  const problems: string[] = [];
  try {
    const { mutes } = parseConfig(
      { targets: [{ name: 'any', secret: 'any' }], mutes: [entry] },
      { use: 'command-line' },
    );
    const [mute] = mutes;
    if (mute !== undefined && Date.parse(mute.expires) > systemClock().getTime()) return mute;
    problems.push(
      `--until must be in the future, got ${showGiven(entry.expires ?? '')}: a mute that has ended matches nothing`,
    );
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    for (const { path, message } of error.problems) {
      const part = path.replace('mutes[0].', '') as keyof MuteEntry;
      problems.push(`${GIVEN_AS[part] ?? path} ${message}`);
    }
  }
  throw new UsageError(problems.join('\n'));
}

const OTHER_FINGERPRINT = 'a run with --url gives the same finding another fingerprint, which matches nothing here';

/**
 * A fingerprint holds the name of its target.
 *
 * @param targets - Names in the configuration; undefined: there is none yet.
 * @throws UsageError where the finding is of a target that the configuration does not have
 */
function refuseOtherTargets(
  { finding: { target } }: FindingRecord,
  targets: ReadonlySet<string> | undefined,
  config: string | undefined,
): void {
  if (targets === undefined || targets.has(target)) return;
  throw new UsageError(
    `this finding is of ${PLAIN.target(target)}, and ${config ?? DEFAULT_CONFIG} has no target of that name: the mute would ` +
      `match nothing there. Take the fingerprint from a run with that configuration: ${OTHER_FINGERPRINT}`,
  );
}

interface Destination {
  /** In words. */
  readonly where: string;
  /** Names of the configuration's targets; undefined where it does not exist yet, or discovery finds more of them. */
  readonly targets?: ReadonlySet<string>;
}

/** Where the entry belongs, and whether something of the kind is there already. */
function destination(given: string | undefined, fingerprint: string): Destination {
  const file = given ?? DEFAULT_CONFIG;
  if (given === undefined && !existsSync(file)) return { where: pasteInto(file) };
  const { mutes, targets, discovery } = readConfiguration(file);
  const where = placeIn(file, mutes, fingerprint);
  return discovery.length > 0 ? { where } : { where, targets: new Set(targets.map(({ name }) => name)) };
}

function pasteInto(file: string): string {
  return `paste it into the list "mutes" of ${showPath(file)}`;
}

function placeIn(file: string, mutes: readonly Mute[], fingerprint: string): string {
  const paste = pasteInto(file);
  const before = mutes.findIndex(({ match }) => match.fingerprint === fingerprint);
  if (before >= 0) {
    return `replace mutes[${before}] of ${showPath(file)} by it, which mutes the same finding (until ${displayTime(mutes[before]?.expires ?? '')})`;
  }
  return mutes.length === 0 ? `${paste}, which has no such list yet: add "mutes": [ … ] beside "targets"` : paste;
}

function readConfiguration(file: string): Config {
  try {
    const document = readConfigDocument(file, {
      shownAs: showPath(file),
      whenMissing: 'name the configuration with --config FILE',
    });
    return parseConfig(document, { source: showPath(file), use: 'command-line' });
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof ConfigFileError)) throw error;
    throw new UsageError(error.message, { cause: error });
  }
}
