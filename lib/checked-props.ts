// Checks the props of a construct as JavaScript gives them: their names, and the type of each.

import { type StackProps, Token } from 'aws-cdk-lib';
import { closestMatch } from 'leven';
import { ConfigError, type ConfigInput, type ConfigProblem } from '../lambda/config/index.ts';
import { showGiven, showName } from '../lambda/model/given-text.ts';
import type { PgTlsAuditorProps } from './pg-tls-auditor-props.ts';

/** What a prop may be. */
interface Kind {
  /** Goes on after "must be". */
  readonly words: string;
  readonly takes: (value: unknown) => boolean;
}

/** Of a prop; comparing a longer one would take long. */
const LONGEST_NAME = 100;

/** The kind of each prop. */
type PropKinds<P> = Readonly<Record<keyof P, Kind>>;

export const TEXT: Kind = { words: 'a text', takes: (value) => typeof value === 'string' && value !== '' };
const OBJECT: Kind = { words: 'an object', takes: isObject };
const TEXTS = listOf({ words: 'a text', takes: (value) => typeof value === 'string' });
/** Names a dimension of metrics (https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_Dimension.html). */
const SERVICE_NAME: Kind = {
  words: 'a text of 1 to 255 printable ASCII characters, which does not begin with a colon or a space',
  takes: (value) => typeof value === 'string' && (Token.isUnresolved(value) || /^(?!:)[!-~][ -~]{0,254}$/.test(value)),
};
export const AUDITOR_NAME: Kind = {
  words: 'the name of a stack (a letter, then letters, digits, dashes or underscores)',
  takes: (value) => typeof value === 'string' && (Token.isUnresolved(value) || /^[A-Za-z][\w-]{0,127}$/.test(value)),
};
const RESERVATION: Kind = {
  words: 'a whole number of at least 1',
  takes: (value) => typeof value === 'number' && (Token.isUnresolved(value) || (Number.isInteger(value) && value >= 1)),
};
const SETTINGS: Kind = {
  words: 'an object with texts under schedule, timezone or email',
  takes: (value) =>
    isObject(value) &&
    Object.entries(value).every(
      ([name, text]) =>
        ['schedule', 'timezone', 'email'].includes(name) && (text === undefined || typeof text === 'string'),
    ),
};
const SECRET = made('a secret', 'Secret.fromSecretNameV2', 'secretArn');
const KEY = made('a key', 'Key.fromKeyArn', 'keyArn');
const SECURITY_GROUP = made('a security group', 'SecurityGroup.fromSecurityGroupId', 'securityGroupId');

export const CONFIG_PROPS = {
  config: { words: 'an object, and the path of a file is the prop "configFile"', takes: isObject },
  configFile: { words: 'the path of a file', takes: TEXT.takes },
  configSource: TEXT,
};

export const NETWORK_PROPS = {
  vpc: made('a VPC', 'Vpc.fromLookup', 'vpcId'),
  vpcSubnets: OBJECT,
  securityGroups: listOf(SECURITY_GROUP),
};

export const SECRET_PROPS = {
  secrets: {
    words: `an object with ${SECRET.words} under each name`,
    takes: (value: unknown) => isObject(value) && Object.values(value).every(SECRET.takes),
  },
  secretNamePrefixes: TEXTS,
};

const AUDITOR_PROPS: PropKinds<PgTlsAuditorProps> = {
  ...CONFIG_PROPS,
  ...SECRET_PROPS,
  ...NETWORK_PROPS,
  configLocation: TEXT,
  deployedSettings: SETTINGS,
  secretKeys: listOf(KEY),
  topic: made('a topic', 'Topic.fromTopicArn', 'topicArn'),
  topicKey: KEY,
  stateTable: made('a table', 'Table.fromTableName', 'tableArn'),
  evidenceBucket: made('a bucket', 'Bucket.fromBucketName', 'bucketArn'),
  reservedConcurrentExecutions: RESERVATION,
  logGroup: made('a log group', 'LogGroup.fromLogGroupName', 'logGroupArn'),
  auditorName: AUDITOR_NAME,
  serviceName: SERVICE_NAME,
};

/** The props of one class. */
export interface KnownProps<P> {
  readonly kinds: PropKinds<P>;
  readonly needed?: readonly (keyof P)[];
  /** Another version of CDK may have more props of stacks than this one: only names that are close are refused. */
  readonly isStack?: boolean;
}

export const AUDITOR: KnownProps<PgTlsAuditorProps> = { kinds: AUDITOR_PROPS };

/** Settings of the configuration that people give beside it. */
const SETTING_NAMES: Readonly<Record<Exclude<keyof ConfigInput, '$schema'>, true>> = {
  schedule: true,
  timezone: true,
  alerts: true,
  defaults: true,
  policy: true,
  concurrency: true,
  mutes: true,
  deployment: true,
  networks: true,
  satellites: true,
  targets: true,
  discovery: true,
};

/** What apps hand on from the props of their own stacks. */
const OF_STACKS: Readonly<Record<keyof StackProps, true>> = {
  analyticsReporting: true,
  crossRegionReferences: true,
  description: true,
  env: true,
  notificationArns: true,
  permissionsBoundary: true,
  propertyInjectors: true,
  stackName: true,
  suppressTemplateIndentation: true,
  synthesizer: true,
  tags: true,
  terminationProtection: true,
};

/**
 * @param source - Names the construct in messages.
 * @throws ConfigError naming every prop that is wrong
 */
export function checkProps<P>(source: string, props: unknown, known: KnownProps<P>): void {
  const problems = isObject(props)
    ? [...problemsOf(props, known)]
    : [{ path: 'props', message: `must be an object, got ${shown(props)}` }];
  if (problems.length > 0) throw new ConfigError(source, problems);
}

/** What a stack hands on to the construct in it. */
export function propsOf<P>(props: P, { kinds }: KnownProps<P>): P {
  return Object.fromEntries(Object.entries(Object(props)).filter(([name]) => Object.hasOwn(kinds, name))) as P;
}

function* problemsOf<P>(
  props: Readonly<Record<string, unknown>>,
  { kinds, needed = [], isStack = false }: KnownProps<P>,
): Iterable<ConfigProblem> {
  for (const name of needed) {
    if (props[String(name)] === undefined) yield { path: String(name), message: `is required: ${kinds[name].words}` };
  }
  const names = Object.keys(kinds);
  for (const [name, value] of Object.entries(props)) {
    if (Object.hasOwn(kinds, name)) {
      const { words, takes } = kinds[name as keyof P];
      if (value !== undefined && !takes(value)) yield { path: name, message: `must be ${words}, got ${shown(value)}` };
      continue;
    }
    if (Object.hasOwn(OF_STACKS, name)) continue;
    const meant = meantBy(name, names);
    const setting = meantBy(name, Object.keys(SETTING_NAMES), 1);
    if (setting !== undefined) {
      yield { path: showName(name), message: `is no prop; the setting "${setting}" belongs into the prop "config"` };
    } else if (meant !== undefined) {
      yield { path: showName(name), message: `is no prop; did you mean "${meant}"?` };
    } else if (!isStack) {
      yield { path: showName(name), message: `is no prop; there are ${names.join(', ')}` };
    }
  }
}

function meantBy(name: string, names: readonly string[], maxDistance = 3): string | undefined {
  return name.length > LONGEST_NAME ? undefined : closestMatch(name, names, { maxDistance });
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function listOf({ words, takes }: Kind): Kind {
  return { words: `a list: each entry ${words}`, takes: (value) => Array.isArray(value) && value.every(takes) };
}

/** @param member - By which a construct of any copy of CDK is known. */
function made(what: string, maker: string, member: string): Kind {
  return {
    words: `${what} of CDK, such as ${maker}() gives`,
    takes: (value) => isObject(value) && member in value,
  };
}

/** No value of an object is shown. */
function shown(value: unknown): string {
  if (typeof value === 'string') return showGiven(value);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null || value === undefined) {
    return String(value);
  }
  return Array.isArray(value) ? 'a list with another entry' : `another ${typeof value}`;
}
