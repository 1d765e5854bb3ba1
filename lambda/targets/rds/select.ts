// Selects the databases of RDS that the rules take, and says of each why it was taken or left out.

import type { RdsRule } from '../../config/index.ts';
import { isLabelValue, isSecretName, TARGET_NAME } from '../../config/schema.ts';
import { parseArn } from '../../model/arn.ts';
import { displayText } from '../../model/display.ts';
import { showGiven } from '../../model/given-text.ts';
import type { PlaceInventory, RdsCluster, RdsInstance, RdsProxy } from '../../model/inventory.ts';
import { namePattern } from '../../model/name-pattern.ts';
import type { CaSource, CredentialSource, NamedTarget, Target } from '../../model/target.ts';
import { fillTemplate, type TemplateValues } from '../../model/template.ts';
import type { Choice, Unmatched } from '../contract/source.ts';
import { isElastic, stableNames } from './member-names.ts';
import { memberlessClusters } from './memberless.ts';
import { coversPlace, type Place, prefixOf } from './place.ts';

/** Longer than the name of any network. */
const LONGEST_NETWORK = 60;

/** Tags that tune one database. */
const ON_OFF = 'pg-tls-auditor';
const SECRET = 'pg-tls-auditor:secret';
const ROLE = 'pg-tls-auditor:role';
const TEAM = 'pg-tls-auditor:team';

const ENGINES: ReadonlySet<string> = new Set(['postgres', 'aurora-postgresql']);

/** In these a database answers no connection, or soon will not. Everything else is worth an attempt. */
const NOT_RUNNING: ReadonlySet<string> = new Set([
  'creating',
  'deleting',
  'failed',
  'inaccessible-encryption-credentials',
  'inaccessible-encryption-credentials-recoverable',
  'incompatible-create',
  'incompatible-network',
  'incompatible-restore',
  'insufficient-capacity',
  'restore-error',
  'starting',
  'stopped',
  'stopping',
]);

/** A database of RDS that a rule may take. */
interface Database {
  readonly name: string;
  readonly instance: RdsInstance;
  readonly cluster: RdsCluster | undefined;
  readonly place: Place;
  readonly account: string;
  /** Of the instance and its cluster; the instance's own win. */
  readonly tags: ReadonlyMap<string, string>;
}

/** The evaluation of one database: out, a target to audit, or one that exists and can't be audited. */
type Evaluation = {
  readonly reason: string;
} /** `meant`: a setting or a tag says so; otherwise it is a database that no one has decided about. */ & (
  | { readonly is: 'out'; readonly meant: boolean }
  | { readonly is: 'target'; readonly target: Target }
  /** `mend`: a setting is in the way, and people should know. */
  | { readonly is: 'dormant'; readonly target: NamedTarget; readonly mend: boolean }
);

interface Evaluated {
  readonly database: Database;
  readonly evaluation: Evaluation;
  /** No rule takes it, and none says that it is to be left out. */
  readonly isUncovered: boolean;
}

export interface Selection {
  readonly targets: readonly Target[];
  readonly dormant: readonly NamedTarget[];
  readonly warnings: readonly string[];
  readonly unmatched: readonly Unmatched[];
  /** Each database of the places. */
  readonly databases: readonly SelectedDatabase[];
  /** Clusters without an instance that no rule takes, though no setting says that they are to be left out. */
  readonly uncoveredClusters: readonly UncoveredCluster[];
  readonly choices: readonly Choice[];
  /** Names of targets that come and go by auto scaling, of those in `targets` and `dormant`. */
  readonly elastic: readonly string[];
}

export interface UncoveredCluster {
  readonly name: string;
  readonly place: Place;
  /** Why no rule takes it, as a sentence without its period. */
  readonly reason: string;
}

/** A database with what came out of the rules. */
export interface SelectedDatabase {
  readonly name: string;
  readonly place: Place;
  readonly instance: RdsInstance;
  /** Of a target, audited or not; none where it is left out. */
  readonly labels: Readonly<Record<string, string>>;
  /** `uncovered`: no rule takes it, and no setting says that it is to be left out. */
  readonly is: 'target' | 'dormant' | 'left-out' | 'uncovered';
  /** Why it was taken or left out, as a sentence without its period. */
  readonly reason: string;
}

export interface SelectOptions {
  readonly rules: readonly RdsRule[];
  /** Every place of the rules, also those that did not answer: names depend on them. */
  readonly places: readonly Place[];
  /** Why a found target gives way to one of the configuration; undefined: it does not. */
  readonly givesWay: GivesWay;
  /** Names of targets that came and went by auto scaling, and are expected again. @default none */
  readonly expected?: readonly string[];
}

type GivesWay = (target: Pick<Target, 'name' | 'host' | 'port'>) => string | undefined;

/** @param inventories of the places that are known */
export function selectDatabases(
  inventories: readonly { readonly place: Place; readonly inventory: PlaceInventory }[],
  { rules, places, givesWay, expected = [] }: SelectOptions,
): Selection {
  const databases = inventories.flatMap(({ place, inventory }) =>
    databasesOf(place, inventory, prefixOf(place, places)),
  );
  const taken = rules.map((): Database[] => []);
  // Two roles of one account list the same databases.
  const copies = Map.groupBy(databases, ({ instance }) => instance.arn);
  const evaluated = [...copies.values()].flatMap((same): readonly Evaluated[] => {
    const results = rules.flatMap((rule, index) =>
      same
        .filter(({ place }) => coversPlace(rule, place))
        .map((database) => {
          const evaluation = evaluate(database, rule, givesWay);
          if (evaluation.is !== 'out') taken[index]?.push(database);
          return { rule, database, evaluation };
        }),
    );
    const [first] = results;
    return first === undefined ? [] : [combined([first, ...results.slice(1)])];
  });
  const elastic = evaluated.flatMap(({ database, evaluation }) =>
    evaluation.is !== 'out' && isElastic(database.instance) ? [database.name] : [],
  );
  const absent = expected.flatMap((name) => absentMember(name, evaluated));
  const memberless = inventories.flatMap(({ place, inventory }) =>
    memberlessClusters({ place, prefix: prefixOf(place, places), inventory }, { rules, givesWay }).map((cluster) => ({
      ...cluster,
      place,
    })),
  );
  const complete = inventories.length === places.length;
  return {
    targets: evaluated.flatMap(({ evaluation }) => (evaluation.is === 'target' ? [evaluation.target] : [])),
    dormant: [
      ...evaluated.flatMap(({ evaluation }) => (evaluation.is === 'dormant' ? [evaluation.target] : [])),
      ...absent,
    ],
    warnings: evaluated.flatMap(({ database, evaluation }) =>
      evaluation.is === 'dormant' && evaluation.mend
        ? [`${displayText(database.name, 200)} is not audited: ${evaluation.reason}`]
        : [],
    ),
    // What is not known may be what a rule means.
    unmatched: complete ? rules.flatMap((rule, index) => [...unmatchedOf(rule, taken[index] ?? [], databases)]) : [],
    databases: evaluated.map(selectedOf),
    uncoveredClusters: memberless.flatMap(({ choice: { name, reason }, isUncovered, place }) =>
      isUncovered ? [{ name, place, reason }] : [],
    ),
    choices: [
      ...evaluated.map(({ database, evaluation }) => choiceOf(database, evaluation)),
      ...memberless.map(({ choice }) => choice),
      ...inventories.flatMap(({ place, inventory }) =>
        inventory.proxies.map((proxy) => proxyChoice(proxy, place, prefixOf(place, places))),
      ),
    ].sort((a, b) => (a.name < b.name ? -1 : 1)),
    elastic,
  };
}

interface RuleResult {
  readonly rule: RdsRule;
  readonly database: Database;
  readonly evaluation: Evaluation;
}

/** The first rule that takes a database decides how it is audited; where none does, each has its reason. */
function combined(results: readonly [RuleResult, ...RuleResult[]]): Evaluated {
  const takes = results.filter(({ evaluation }) => evaluation.is !== 'out');
  const [{ database, evaluation } = results[0]] = takes;
  const rules = new Set(takes.map(({ rule }) => rule)).size;
  const reason =
    takes.length === 0
      ? [...new Set(results.map((result) => result.evaluation.reason))].join('; by another rule, ')
      : `${evaluation.reason}${rules > 1 ? ` (the first of ${rules} rules that take it decides)` : ''}`;
  const isUncovered = results.every((result) => result.evaluation.is === 'out' && !result.evaluation.meant);
  return { database, evaluation: { ...evaluation, reason }, isUncovered };
}

function selectedOf({ database: { name, place, instance }, evaluation, isUncovered }: Evaluated): SelectedDatabase {
  const { reason } = evaluation;
  if (evaluation.is !== 'out')
    return { name, place, instance, labels: evaluation.target.labels, is: evaluation.is, reason };
  return { name, place, instance, labels: {}, is: isUncovered ? 'uncovered' : 'left-out', reason };
}

function databasesOf(place: Place, { instances, clusters }: PlaceInventory, prefix: string): readonly Database[] {
  const clusterById = new Map(clusters.map((cluster) => [cluster.id, cluster]));
  const byId = new Map(instances.map((instance) => [instance.id, instance]));
  const nameOf = stableNames([...byId.values()]);
  return [...byId.values()].flatMap((instance) => {
    if (!ENGINES.has(instance.engine)) return [];
    const cluster = instance.cluster === undefined ? undefined : clusterById.get(instance.cluster);
    const account = parseArn(instance.arn)?.account ?? '';
    const tags = new Map([...(cluster?.tags ?? []), ...instance.tags]);
    return [{ name: `${prefix}${nameOf(instance)}`, instance, cluster, place, account, tags }];
  });
}

/** One that is expected again keeps its findings while its cluster has other members. */
function absentMember(name: string, evaluated: readonly Evaluated[]): readonly NamedTarget[] {
  if (evaluated.some(({ database }) => database.name === name)) return [];
  const cluster = name.slice(0, name.lastIndexOf('/') + 1);
  const sibling = evaluated.find(
    ({ database, evaluation }) => evaluation.is !== 'out' && database.name.startsWith(cluster),
  );
  if (sibling === undefined || sibling.evaluation.is === 'out') return [];
  return [{ name, labels: sibling.evaluation.target.labels }];
}

function evaluate(database: Database, rule: RdsRule, givesWay: GivesWay): Evaluation {
  const { instance, tags } = database;
  const out = (reason: string, meant = true): Evaluation => ({ is: 'out', reason, meant });
  const matches = (patterns: readonly string[]): boolean => identifiersOf(instance).some(namePattern(patterns));
  if (tags.get(ON_OFF)?.toLowerCase() === 'off') return out(`its tag ${ON_OFF} is off`);
  if (matches(rule.exclude)) return out('a pattern of "exclude" matches it');
  if (!matches(rule.include)) return out('no pattern of "include" matches it', false);
  const lacking =
    rule.tags === 'all' ? [] : Object.entries(rule.tags).filter(([key, value]) => tags.get(key) !== value);
  if (lacking.length > 0 && instance.cluster !== undefined && database.cluster === undefined) {
    // The two lists were read at different moments: what is not known of its cluster does not make it untagged.
    const target = { name: database.name, labels: labelsOf(database, rule) };
    return { is: 'dormant', target, mend: false, reason: 'its cluster is not listed yet; its findings stay open' };
  }
  if (lacking.length > 0) {
    return out(lacking.map(([key, value]) => lackedTag(key, value, tags.get(key))).join(', and '), false);
  }
  if (!TARGET_NAME.test(database.name)) return out('its identifier is not one that RDS gives');
  const credentials = credentialsOf(database, rule);
  const { name } = database;
  const { host, port } = instance;
  const other = givesWay({ name, host, port });
  if (other !== undefined) return out(other);
  const dormant = { is: 'dormant', target: { name, labels: labelsOf(database, rule) } } as const;
  if ('problem' in credentials) return { ...dormant, mend: true, reason: credentials.problem };
  if (NOT_RUNNING.has(instance.status) || instance.host === undefined) {
    return { ...dormant, mend: false, reason: `it is ${displayText(instance.status, 50)}; its findings stay open` };
  }
  return { is: 'target', target: targetOf(database, rule, credentials), reason: takenBecause(rule) };
}

function lackedTag(key: string, wanted: string, given: string | undefined): string {
  if (given === undefined) return `it lacks the tag ${displayText(`${key}=${wanted}`, 100)}`;
  return `its tag ${displayText(key, 100)} is "${displayText(given, 100)}", not "${displayText(wanted, 100)}"`;
}

/** What patterns of a rule may name. */
function identifiersOf({ cluster, id }: RdsInstance): readonly string[] {
  return cluster === undefined ? [id] : [id, cluster, `${cluster}/${id}`];
}

function takenBecause({ tags }: RdsRule): string {
  const wanted = tags === 'all' ? [] : Object.entries(tags);
  if (wanted.length === 0) return 'the rule takes every PostgreSQL';
  return `it has the tag ${wanted.map(([key, value]) => displayText(`${key}=${value}`, 100)).join(', ')}`;
}

function valuesOf({ name, instance, place, account, tags }: Database): TemplateValues {
  return {
    placeholders: { name, instance: instance.id, cluster: instance.cluster, region: place.region, account },
    tags,
  };
}

type Problem = { readonly problem: string };

function credentialsOf(database: Database, { credentials, tagSecrets }: RdsRule): CredentialSource | Problem {
  const { instance, cluster, place, tags } = database;
  const tagKey = 'secretTag' in credentials ? credentials.secretTag : SECRET;
  const named = tags.get(tagKey) ?? tags.get(SECRET);
  if (named !== undefined && !tagSecrets) {
    return {
      problem: `its tag ${SECRET} names a secret, which the rule does not allow: set "tagSecrets", or remove the tag`,
    };
  }
  if (named !== undefined) return secretNamed(named, place, `its tag ${displayText(tagKey, 100)}`);
  if ('secretTag' in credentials) {
    return { problem: `it has no tag ${displayText(tagKey, 100)}, which names the secret: add the tag` };
  }
  if ('secret' in credentials) {
    const name = fillTemplate(credentials.secret, valuesOf(database));
    if (typeof name === 'string') return secretNamed(name, place, '"credentials" of the rule');
    return { problem: `the name of its secret needs ${displayText(name.missing, 140)}, which it does not have` };
  }
  const role = tags.get(ROLE) ?? credentials.iam.role;
  if (role !== credentials.iam.role && !credentials.iam.tagRoles.includes(role)) {
    return { problem: `its tag ${ROLE} names a role that "tagRoles" of the rule does not allow` };
  }
  if (!instance.iamAuthentication && cluster?.iamAuthentication !== true) {
    return {
      problem: `IAM database authentication is off: turn it on, or name a secret by the tag ${SECRET} and set "tagSecrets"`,
    };
  }
  const { region, assumedRole } = place;
  return { iam: { role, region, ...(assumedRole === undefined ? {} : { assumedRole }) } };
}

/** A tag is set by people who may not be the auditor's: a name that is none goes into no request. */
function secretNamed(name: string, { region, assumedRole }: Place, where: string): CredentialSource | Problem {
  if (!isSecretName(name)) return { problem: `${where} does not give the name of a secret` };
  return assumedRole === undefined ? { secret: name } : { secret: name, place: { region, assumedRole } };
}

function targetOf(database: Database, rule: RdsRule, credentials: CredentialSource): Target {
  const { name, instance } = database;
  const { settings } = rule;
  return {
    name,
    kind: 'postgresql',
    credentials,
    ca: rule.ca.map((source) => caOf(source, database)),
    crl: settings.crl,
    host: instance.host,
    port: instance.port,
    database: settings.database,
    tlsServerName: undefined,
    sslNegotiation: settings.sslNegotiation,
    clientCertificate: undefined,
    // RDS asks for a token as for a password in clear, and what answers any other request would not be a token.
    authentication: 'iam' in credentials ? ['password'] : settings.authentication,
    minScramIterations: settings.minScramIterations,
    timeoutMs: settings.timeoutMs,
    probe: settings.probe,
    logs: rule.logs === 'auto' ? logsOf(database) : rule.logs,
    sampleMs: settings.sampleMs,
    network: networkOf(database, rule),
    labels: labelsOf(database, rule),
  };
}

/** A template without a value names no network, and what a tag names may be one that there is not. */
function networkOf(database: Database, { network }: RdsRule): string | undefined {
  if (network === undefined) return undefined;
  const name = fillTemplate(network, valuesOf(database));
  return typeof name === 'string' && name !== '' ? displayText(name, LONGEST_NETWORK) : undefined;
}

/** Region and account, which are all that its name may hold, are always known. */
function caOf(source: RdsRule['ca'][number], database: Database): CaSource {
  if (typeof source === 'string' || !('secret' in source)) return source;
  const secret = fillTemplate(source.secret, valuesOf(database));
  if (typeof secret !== 'string') throw new Error('the secret of the CA has a placeholder without a value');
  return { ...source, secret };
}

/** Of a cluster, all members write to one group, each to streams that begin with its name. */
function logsOf({ instance, cluster, place, account }: Database): Target['logs'] {
  const exports = [...instance.logExports, ...(cluster?.logExports ?? [])];
  if (!exports.includes('postgresql')) return 'none';
  const kind = instance.cluster === undefined ? 'instance' : 'cluster';
  const group = `/aws/rds/${kind}/${instance.cluster ?? instance.id}/postgresql`;
  const partition = parseArn(instance.arn)?.partition ?? 'aws';
  const { region, assumedRole } = place;
  return {
    logGroup: `arn:${partition}:logs:${region}:${account}:log-group:${group}`,
    ...(instance.cluster === undefined ? {} : { logStreamPrefix: instance.id }),
    ...(assumedRole === undefined ? {} : { assumedRole }),
  };
}

/** A value that no label may have is left out, as one whose tag is missing. */
function labelsOf(database: Database, { labels }: RdsRule): Readonly<Record<string, string>> {
  const values = valuesOf(database);
  const filled = Object.entries(labels).map(([key, template]) => [key, fillTemplate(template, values)] as const);
  const team = database.tags.get(TEAM);
  return Object.fromEntries(
    [...filled, ...(team === undefined ? [] : [['team', team] as const])].filter(
      (entry): entry is readonly [string, string] => typeof entry[1] === 'string' && isLabelValue(entry[1]),
    ),
  );
}

/** What a rule means and no database has. */
function* unmatchedOf(rule: RdsRule, taken: readonly Database[], databases: readonly Database[]): Iterable<Unmatched> {
  const where = `discovery ${JSON.stringify([rule.regions, rule.accounts, rule.tags, rule.include, rule.exclude])}`;
  const seen = databases.filter(({ place }) => coversPlace(rule, place));
  if (taken.length === 0) {
    const wanted =
      rule.tags === 'all'
        ? ''
        : ` with the tag ${Object.entries(rule.tags)
            .map(([key, value]) => displayText(`${key}=${value}`, 100))
            .join(', ')}`;
    const left = seen.length === 1 ? '1 is left out' : `${seen.length} are left out`;
    yield {
      key: `${where} takes none`,
      message:
        `the rule of discovery for ${rule.regions.join(', ')} takes no database${wanted}: ` +
        `${seen.length === 0 ? 'there is no PostgreSQL' : left}; pg-tls-auditor discover says why`,
    };
    return;
  }
  for (const pattern of rule.include) {
    const matches = namePattern([pattern]);
    if (pattern === '*' || seen.some(({ instance }) => identifiersOf(instance).some(matches))) continue;
    yield {
      key: `${where} include ${pattern}`,
      message: `the pattern ${showGiven(pattern)} of "include" in a rule of discovery matches no database in ${rule.regions.join(', ')}`,
    };
  }
  for (const [label, template] of Object.entries(rule.labels)) {
    const filled = taken.map((database) => fillTemplate(template, valuesOf(database)));
    const [first] = filled;
    if (first !== undefined && filled.every((value) => typeof value !== 'string') && typeof first !== 'string') {
      yield {
        key: `${where} label ${label}`,
        message: `no database has ${displayText(first.missing, 140)}, from which discovery makes the label ${displayText(label)}`,
      };
    }
  }
}

function choiceOf({ name, instance, place, account }: Database, evaluation: Evaluation): Choice {
  return {
    name: displayText(name, 300),
    host: instance.host === undefined ? null : displayText(instance.host, 253),
    port: instance.port ?? null,
    region: place.region,
    account,
    taken: evaluation.is === 'target',
    reason: evaluation.reason,
  };
}

function proxyChoice({ name, host, requireTls }: RdsProxy, place: Place, prefix: string): Choice {
  return {
    name: displayText(`${prefix}${name}`, 300),
    host: host === undefined ? null : displayText(host, 253),
    port: null,
    region: place.region,
    account: place.assumedRole === undefined ? null : (parseArn(place.assumedRole.roleArn)?.account ?? null),
    taken: false,
    reason: `it is an RDS Proxy, and ${requireTls ? 'requires TLS' : 'does not require TLS: set RequireTLS'}`,
  };
}
