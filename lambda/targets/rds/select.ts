// Selects the databases of RDS that the rules take, and says of each why it was taken or left out.

import type { RdsRule } from '../../config/index.ts';
import { isLabelValue, isSecretName, TARGET_NAME } from '../../config/schema.ts';
import { parseArn } from '../../model/arn.ts';
import { displayText } from '../../model/display.ts';
import type { PlaceInventory, RdsCluster, RdsInstance, RdsProxy } from '../../model/inventory.ts';
import { namePattern } from '../../model/name-pattern.ts';
import type { CaSource, CredentialSource, NamedTarget, Target } from '../../model/target.ts';
import { fillTemplate, type TemplateValues } from '../../model/template.ts';
import type { Choice } from '../contract/source.ts';
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

export interface Selection {
  readonly targets: readonly Target[];
  readonly dormant: readonly NamedTarget[];
  readonly warnings: readonly string[];
  readonly uncovered: readonly string[];
  readonly choices: readonly Choice[];
}

export interface SelectOptions {
  readonly rules: readonly RdsRule[];
  /** Every place of the rules, also those that did not answer: names depend on them. */
  readonly places: readonly Place[];
  /** Why a found target gives way to one of the configuration; undefined: it does not. */
  readonly givesWay: (target: Pick<Target, 'name' | 'host' | 'port'>) => string | undefined;
}

/** @param inventories of the places that are known */
export function selectDatabases(
  inventories: readonly { readonly place: Place; readonly inventory: PlaceInventory }[],
  { rules, places, givesWay }: SelectOptions,
): Selection {
  const databases = inventories.flatMap(({ place, inventory }) =>
    databasesOf(place, inventory, prefixOf(place, places)),
  );
  const taken = rules.map((): Database[] => []);
  const evaluated = databases.map((database) => {
    const results = rules.flatMap((rule, index) => {
      if (!coversPlace(rule, database.place)) return [];
      const evaluation = evaluate(database, rule, givesWay);
      if (evaluation.is !== 'out') taken[index]?.push(database);
      return [evaluation];
    });
    // The first rule that takes a database decides how it is audited.
    const evaluation = results.find(({ is }) => is !== 'out') ??
      results[0] ?? { is: 'out', meant: false, reason: 'no rule covers it' };
    const isUncovered = results.every((result) => result.is === 'out' && !result.meant);
    return { database, evaluation, isUncovered };
  });
  const complete = inventories.length === places.length;
  return {
    targets: evaluated.flatMap(({ evaluation }) => (evaluation.is === 'target' ? [evaluation.target] : [])),
    dormant: evaluated.flatMap(({ evaluation }) => (evaluation.is === 'dormant' ? [evaluation.target] : [])),
    warnings: [
      ...evaluated.flatMap(({ database, evaluation }) =>
        evaluation.is === 'dormant' && evaluation.mend
          ? [`${displayText(database.name, 200)} is not audited: ${evaluation.reason}`]
          : [],
      ),
      ...rules.flatMap((rule, index) => [...ruleWarnings(rule, taken[index] ?? [], { databases, complete })]),
    ],
    uncovered: evaluated
      .filter(({ isUncovered }) => isUncovered)
      .map(({ database }) => displayText(database.name, 300))
      .sort(),
    choices: [
      ...evaluated.map(({ database, evaluation }) => choiceOf(database, evaluation)),
      ...inventories.flatMap(({ place, inventory }) =>
        inventory.proxies.map((proxy) => proxyChoice(proxy, place, prefixOf(place, places))),
      ),
    ].sort((a, b) => (a.name < b.name ? -1 : 1)),
  };
}

function databasesOf(place: Place, { instances, clusters }: PlaceInventory, prefix: string): readonly Database[] {
  const clusterById = new Map(clusters.map((cluster) => [cluster.id, cluster]));
  const byId = new Map(instances.map((instance) => [instance.id, instance]));
  return [...byId.values()].flatMap((instance) => {
    if (!ENGINES.has(instance.engine)) return [];
    const cluster = instance.cluster === undefined ? undefined : clusterById.get(instance.cluster);
    const own = instance.cluster === undefined ? instance.id : `${instance.cluster}/${instance.id}`;
    const account = parseArn(instance.arn)?.account ?? '';
    const tags = new Map([...(cluster?.tags ?? []), ...instance.tags]);
    return [{ name: `${prefix}${own}`, instance, cluster, place, account, tags }];
  });
}

function evaluate(database: Database, rule: RdsRule, givesWay: SelectOptions['givesWay']): Evaluation {
  const { instance, tags } = database;
  const out = (reason: string, meant = true): Evaluation => ({ is: 'out', reason, meant });
  const names = [instance.id, ...(instance.cluster === undefined ? [] : [instance.cluster, ownName(instance)])];
  const matches = (patterns: readonly string[]): boolean => names.some(namePattern(patterns));
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
    return out(
      `it lacks the tag ${lacking.map(([key, value]) => displayText(`${key}=${value}`, 100)).join(', ')}`,
      false,
    );
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

function ownName({ cluster, id }: RdsInstance): string {
  return cluster === undefined ? id : `${cluster}/${id}`;
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
  if (named !== undefined) return secretNamed(named, `its tag ${displayText(tagKey, 100)}`);
  if ('secretTag' in credentials) {
    return { problem: `it has no tag ${displayText(tagKey, 100)}, which names the secret: add the tag` };
  }
  if ('secret' in credentials) {
    const name = fillTemplate(credentials.secret, valuesOf(database));
    if (typeof name === 'string') return secretNamed(name, '"credentials" of the rule');
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
function secretNamed(name: string, where: string): CredentialSource | Problem {
  return isSecretName(name) ? { secret: name } : { problem: `${where} does not give the name of a secret` };
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
  const logGroup =
    account === undefined ? group : `arn:${partition}:logs:${place.region}:${account}:log-group:${group}`;
  return instance.cluster === undefined ? { logGroup } : { logGroup, logStreamPrefix: instance.id };
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
function* ruleWarnings(
  rule: RdsRule,
  taken: readonly Database[],
  { databases, complete }: { readonly databases: readonly Database[]; readonly complete: boolean },
): Iterable<string> {
  // What is not known may be what the rule means.
  if (!complete) return;
  if (taken.length === 0) {
    const seen = databases.filter(({ place }) => coversPlace(rule, place)).length;
    const wanted =
      rule.tags === 'all'
        ? ''
        : ` with the tag ${Object.entries(rule.tags)
            .map(([key, value]) => displayText(`${key}=${value}`, 100))
            .join(', ')}`;
    yield `the rule of discovery for ${rule.regions.join(', ')} takes no database${wanted}: ` +
      `${seen === 0 ? 'there is no PostgreSQL' : `${seen} ${seen === 1 ? 'is' : 'are'} left out`}; pg-tls-auditor discover says why`;
    return;
  }
  for (const [label, template] of Object.entries(rule.labels)) {
    const filled = taken.map((database) => fillTemplate(template, valuesOf(database)));
    const [first] = filled;
    if (first !== undefined && filled.every((value) => typeof value !== 'string') && typeof first !== 'string') {
      yield `no database has ${displayText(first.missing, 140)}, from which discovery makes the label ${displayText(label)}`;
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
