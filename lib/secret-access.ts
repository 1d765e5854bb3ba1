// Grants the function the secrets that the configuration names, and no others.

import { Arn, type ArnComponents, ArnFormat, Stack, Validations } from 'aws-cdk-lib';
import { Effect, ManagedPolicy, PolicyStatement, type Role } from 'aws-cdk-lib/aws-iam';
import type { ISecret } from 'aws-cdk-lib/aws-secretsmanager';
import type { Construct } from 'constructs';
import type { Config, ConfigProblem } from '../lambda/config/index.ts';
import { showGiven } from '../lambda/model/given-text.ts';
import { discoveredSecrets } from './discovery.ts';
import { nagResourceId } from './nag-resource-id.ts';

// IAM counts characters without whitespace: 6,144 for a managed policy, 10,240 for a role's inline policies together,
// 10 managed policies for a role (https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html).
const POLICY_RESOURCES_SIZE = 5_900;
/** One of the ten is left for the owner of the account, e.g. for a policy attached to every role. */
const MOST_POLICIES = 9;
/** The longest beginning of a secret's ARN, of any partition and region. */
const LONGEST_ARN_START = 'arn:aws-us-gov:secretsmanager:ap-southeast-2:123456789012:secret:'.length;
/** Secrets Manager appends a hyphen and six random characters to a secret's name in its ARN. */
const RANDOM_SUFFIX = '-??????';
/** Quotes and comma around an entry. */
const PUNCTUATION = 3;
/** The assumed length of a name that CloudFormation makes up. */
const UNKNOWN_NAME_LENGTH = 128;

export interface SecretAccessProps {
  /** Names and ARNs, as the configuration writes them. */
  readonly names: readonly string[];
  /** Secrets known by reference. A reference takes precedence over a name. */
  readonly references: Readonly<Record<string, ISecret>>;
  /** Beginnings of names: every secret with such a name may be granted. */
  readonly prefixes: readonly string[];
  /** Beginnings of names that rules of discovery give: each is granted. */
  readonly discovered: readonly string[];
  /** Whether the tag of a database may name a secret. Then those are granted whose own tag allows it. */
  readonly byTag: boolean;
}

/** The tag by which the owner of a secret lets the auditor read it, where the tag of a database names it. */
const ALLOWING_TAG = { 'secretsmanager:ResourceTag/pg-tls-auditor': 'on' };

interface Resource {
  readonly arn: string;
  readonly size: number;
}

/**
 * Every secret that the configuration names: credentials, CA bundles, revocation lists, client certificates, and what
 * rules of discovery name. Sorted, each once.
 */
export function secretNames(config: Config): readonly string[] {
  const names = config.targets.flatMap((target) =>
    [target.credentials, target.clientCertificate, ...target.ca, ...(target.crl ?? [])].flatMap((source) =>
      typeof source === 'object' && 'secret' in source ? [source.secret] : [],
    ),
  );
  return [...new Set([...names, ...discoveredSecrets(config).names])].sort();
}

/** Yields a problem for each beginning of names that would grant nothing, or something else than intended. */
export function* secretPrefixProblems({
  names,
  prefixes,
}: Pick<SecretAccessProps, 'names' | 'prefixes'>): Iterable<ConfigProblem> {
  for (const prefix of prefixes) {
    if (!isUsablePrefix(prefix)) {
      yield {
        path: 'secretNamePrefixes',
        message: `must be beginnings of secret names (letters, digits and /_+=.@!-), without wildcards, got ${showGiven(prefix)}`,
      };
    } else if (!names.some((name) => bareName(name).startsWith(prefix))) {
      yield {
        path: 'secretNamePrefixes',
        message: `"${prefix}" begins no secret that the configuration names; it names ${listed(names)}`,
      };
    }
  }
}

function isUsablePrefix(prefix: string): boolean {
  return /^[\w/+=.@!-]+$/.test(prefix);
}

/** Yields a problem for more secrets than the policies of one role can name. */
export function* secretPolicyProblems(scope: Construct, props: SecretAccessProps): Iterable<ConfigProblem> {
  const { names, prefixes } = props;
  const policies = split(resources(scope, { ...props, prefixes: prefixes.filter(isUsablePrefix) }));
  if (policies.length > MOST_POLICIES) {
    yield {
      path: 'targets',
      message:
        `name ${names.length} secrets: granting each by its name takes ${policies.length} IAM policies, and a role can hold ` +
        `${MOST_POLICIES} beside one of your own. Either allow beginnings of names with secretNamePrefixes (from the command ` +
        'line -c secretNamePrefixes=a/,b/), which lets the function read every secret that begins so, ' +
        `most used here: ${commonPrefixes(names)}; or share the targets out among several auditors`,
    };
  }
}

/** How many managed policies the secrets take: none where the role's own one holds them all. */
export function secretPolicyCount(scope: Construct, props: SecretAccessProps): number {
  const policies = split(resources(scope, props));
  return policies.length > 1 ? policies.length : 0;
}

/** Allows `role` to read the secrets. Many secrets are spread over managed policies, whose size IAM limits. */
export function grantSecretAccess(scope: Construct, role: Role, props: SecretAccessProps): void {
  const policies = split(resources(scope, props));
  const statement = (entries: readonly Resource[]): PolicyStatement =>
    new PolicyStatement({
      effect: Effect.ALLOW,
      actions: ['secretsmanager:GetSecretValue'],
      resources: entries.map(({ arn }) => arn),
    });
  const [only, ...more] = policies;
  if (props.byTag) grantByTag(scope, role);
  else if (only === undefined) return;
  if (more.length === 0 && only !== undefined) role.addToPolicy(statement(only));
  else {
    for (const [index, entries] of policies.entries()) {
      // Inside the role, on which the function depends: no run starts before it may read every secret.
      new ManagedPolicy(role, `SecretAccess${index + 1}`, {
        description: `Secrets that pg-tls-auditor reads, ${index + 1} of ${policies.length}`,
        roles: [role],
        statements: [statement(entries)],
      });
    }
  }
  // https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssecretsmanager.html
  role.addToPolicy(new PolicyStatement({ actions: ['secretsmanager:BatchGetSecretValue'], resources: ['*'] }));
  for (const { arn } of policies.flat().filter(({ arn }) => arn.endsWith('*'))) {
    Validations.of(scope).acknowledge({
      id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
      reason: 'Allowed by the beginning of their names: of a fleet, or of databases that discovery finds.',
    });
  }
  Validations.of(role).acknowledge({
    id: 'AwsSolutions-IAM5[Resource::*]',
    reason: 'The batch call has no resource type to name: what it returns is limited by GetSecretValue.',
  });
}

/** Both must agree: the tag of a database names the secret, and the secret's own tag lets the auditor read it. */
function grantByTag(scope: Construct, role: Role): void {
  const arn = Stack.of(scope).formatArn({
    service: 'secretsmanager',
    resource: 'secret',
    resourceName: '*',
    arnFormat: ArnFormat.COLON_RESOURCE_NAME,
  });
  role.addToPolicy(
    new PolicyStatement({
      actions: ['secretsmanager:GetSecretValue'],
      resources: [arn],
      conditions: { StringEquals: ALLOWING_TAG },
    }),
  );
  Validations.of(role).acknowledge({
    id: `AwsSolutions-IAM5[Resource::${nagResourceId(scope, arn)}]`,
    reason: 'Only secrets whose own tag pg-tls-auditor is on: the tags of databases name them, after deployment.',
  });
}

function resources(scope: Construct, props: SecretAccessProps): readonly Resource[] {
  const found = props.names.map((name): Resource => {
    const reference = Object.hasOwn(props.references, name) ? props.references[name] : undefined;
    if (reference !== undefined) {
      const arn = reference.secretFullArn ?? `${reference.secretArn}${RANDOM_SUFFIX}`;
      return { arn, size: LONGEST_ARN_START + UNKNOWN_NAME_LENGTH + PUNCTUATION };
    }
    const bare = bareName(name);
    const prefix = props.prefixes.find((beginning) => bare.startsWith(beginning));
    const resourceName = prefix === undefined ? withSuffix(name, bare) : `${prefix}*`;
    const given = secretArn(name) ?? { service: 'secretsmanager', resource: 'secret' };
    const arn = Stack.of(scope).formatArn({ ...given, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    const start = name === bare ? LONGEST_ARN_START : name.length - bare.length;
    return { arn, size: start + resourceName.length + PUNCTUATION };
  });
  const discovered = props.discovered.map((prefix): Resource => {
    const given = secretArn(prefix) ?? { service: 'secretsmanager', resource: 'secret' };
    const resourceName = `${bareName(prefix)}*`;
    const arn = Stack.of(scope).formatArn({ ...given, resourceName, arnFormat: ArnFormat.COLON_RESOURCE_NAME });
    return { arn, size: LONGEST_ARN_START + resourceName.length + PUNCTUATION };
  });
  return [...new Map([...found, ...discovered].map((resource) => [resource.arn, resource])).values()];
}

/**
 * Adds a pattern for the random end of an ARN to a name, and to an ARN without that end. A partial ARN whose name
 * itself ends in a hyphen and six characters looks like a complete ARN: AWS advises complete ARNs there.
 *
 * @see https://docs.aws.amazon.com/secretsmanager/latest/userguide/troubleshoot.html#ARN_secretnamehyphen
 */
function withSuffix(name: string, bare: string): string {
  return name !== bare && /-[A-Za-z0-9]{6}$/.test(bare) ? bare : `${bare}${RANDOM_SUFFIX}`;
}

/** The parts of a secret's ARN; undefined for its name. */
function secretArn(name: string): ArnComponents | undefined {
  return name.startsWith('arn:') ? Arn.split(name, ArnFormat.COLON_RESOURCE_NAME) : undefined;
}

function bareName(name: string): string {
  return secretArn(name)?.resourceName ?? name;
}

/** Fills policies one after the other, in order, so that a new secret changes few of them. */
function split(entries: readonly Resource[]): readonly (readonly Resource[])[] {
  const policies: Resource[][] = [];
  let left = 0;
  for (const entry of entries) {
    const last = policies.at(-1);
    if (last === undefined || entry.size > left) {
      policies.push([entry]);
      left = POLICY_RESOURCES_SIZE;
    } else last.push(entry);
    left -= entry.size;
  }
  return policies;
}

/** The first ten names, and the number of the others. */
export function listed(names: readonly string[]): string {
  const shown = names
    .slice(0, 10)
    .map((name) => `"${name}"`)
    .join(', ');
  return names.length > 10 ? `${shown} and ${names.length - 10} more` : shown;
}

/** The first part of the names, up to a slash, with how many begin so. */
function commonPrefixes(names: readonly string[]): string {
  const counts = new Map<string, number>();
  for (const name of names) {
    const prefix = /^[^/]+\//.exec(bareName(name))?.[0];
    if (prefix !== undefined) counts.set(prefix, (counts.get(prefix) ?? 0) + 1);
  }
  const ranked = [...counts].sort(([, a], [, b]) => b - a).slice(0, 3);
  return ranked.length === 0
    ? 'none, the names share no beginning that ends in a slash'
    : ranked.map(([prefix, count]) => `"${prefix}" (${count})`).join(', ');
}
