// The contract of the function's environment variables: the stack writes them, the function reads them through it.

import * as z from 'zod';

/** Lambda's limit for all variables of a function together, in bytes. */
const MOST_CHARACTERS = 4096;

const text = (longest: number) => z.string().min(1).max(longest);

// `*` stands for the name of a route: see CHAT_TOPICS.
const topicArn = text(512).regex(/^arn:[\w-]+:sns:[\w-]+:\d{12}:[\w*-]+$/);
const secretArn = text(2048).regex(/^arn:[\w-]+:secretsmanager:[\w-]+:\d{12}:secret:\S+$/);

/** A variable that holds a JSON object with values of one shape; without the variable, an empty object. */
function jsonObject(value: z.ZodType<string>) {
  return text(MOST_CHARACTERS)
    .transform((json, context): unknown => {
      try {
        return JSON.parse(json);
      } catch {
        // The parser's message quotes the text.
        context.addIssue({ code: 'custom', message: 'is not JSON' });
        return z.NEVER;
      }
    })
    .pipe(z.record(z.string(), value))
    .optional();
}

/** The variables that the deployment sets. */
const deployed = {
  /** The `service` of logs and metrics, and the name of this auditor in messages. */
  POWERTOOLS_SERVICE_NAME: text(255).optional(),
  /** The namespace of metrics. Powertools reads it itself. */
  POWERTOOLS_METRICS_NAMESPACE: text(255).optional(),
  /** The topic of the default route, which receives every alert. */
  ALERT_TOPIC_ARN: topicArn.optional(),
  /** The topic of all other routes together: a subscription filters on the message attribute `route`. */
  ROUTE_TOPIC_ARN: topicArn.optional(),
  /** Topics of chat channels, by route. The value of the key `*` holds a `*` in place of the route's name. */
  CHAT_TOPICS: jsonObject(topicArn),
  /** The DynamoDB table with the state. Without it, every run notifies of everything it finds. */
  STATE_TABLE: text(1024)
    .regex(/^(arn:[\w-]+:dynamodb:[\w-]+:\d{12}:table\/)?[\w.-]{3,255}$/)
    .optional(),
  /** The bucket that archives every report. Without it, reports are only in the log. */
  EVIDENCE_BUCKET: text(63)
    .regex(/^[a-z0-9][a-z0-9.-]+[a-z0-9]$/)
    .optional(),
  /** Where the configuration is: `s3://BUCKET/KEY` or `ssm:/NAME`. Without it, in the function's bundle. */
  AUDITOR_CONFIG_LOCATION: text(1000)
    .regex(/^(s3:\/\/[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]|ssm:)(\/[\w.-]+)+$/)
    .optional(),
  /** What the deployment set otherwise than the configuration in the bundle says, by the name of the setting. */
  DEPLOYED_SETTINGS: jsonObject(z.string()),
  /** ARNs of the secrets that the configuration names by a name of its own. */
  AUDITOR_SECRET_ARNS: jsonObject(secretArn),
} as const;

/** The variables that Lambda's runtime or a person sets. */
const other = {
  AWS_REGION: text(64)
    .regex(/^[\w-]+$/)
    .optional(),
  /** Another configuration file than the one in the function's bundle. */
  AUDITOR_CONFIG_FILE: text(MOST_CHARACTERS).optional(),
  /** Endpoints of AWS other than its own, for tests: S3 is then addressed by path. */
  AWS_ENDPOINT_URL: text(MOST_CHARACTERS).optional(),
  AWS_ENDPOINT_URL_S3: text(MOST_CHARACTERS).optional(),
} as const;

const schema = z.object({ ...deployed, ...other });

/** Of a function that publishes. */
const publisherSchema = schema.extend({ ALERT_TOPIC_ARN: topicArn });

type Name = keyof typeof schema.shape;

/**
 * What the deployment has to say about each variable, `undefined` where it sets none. The type has no optional
 * property, so that the stack does not compile when it forgets one.
 */
export type DeployedVariables = { readonly [name in keyof typeof deployed]: z.input<(typeof deployed)[name]> };

/** ARNs of topics. */
interface Topics {
  readonly alerts: string;
  readonly routes: string | undefined;
  readonly chat: Readonly<Record<string, string>>;
}

/** The environment as the function uses it. */
export interface FunctionEnvironment {
  /** @default 'pg-tls-auditor' */
  readonly serviceName: string;
  readonly region: string | undefined;
  /** Undefined for a function that publishes nothing. */
  readonly topics: Topics | undefined;
  readonly stateTable: string | undefined;
  readonly evidenceBucket: string | undefined;
  /** Whether S3 is reached at an endpoint other than AWS's own, whose host has no names of buckets in front. */
  readonly hasOwnS3Endpoint: boolean;
  readonly secretArns: ReadonlyMap<string, string>;
  readonly configFile: string | undefined;
  /** Undefined where the bundle, or that file, is the configuration. */
  readonly configLocation: string | undefined;
  readonly deployedSettings: Readonly<Record<string, string>>;
}

/** Variables of the function that it cannot use. The message names each, and what it must be; it quotes no value. */
export class EnvironmentError extends Error {
  override readonly name = 'EnvironmentError';
}

const ALLOWED: Readonly<Record<Name, string>> = {
  POWERTOOLS_SERVICE_NAME: 'a name of 1 to 255 characters',
  POWERTOOLS_METRICS_NAMESPACE: 'a name of 1 to 255 characters',
  ALERT_TOPIC_ARN: 'the ARN of the SNS topic for all alerts',
  ROUTE_TOPIC_ARN: 'the ARN of the SNS topic for the alerts of routes',
  CHAT_TOPICS: 'a JSON object of names of routes to ARNs of topics',
  STATE_TABLE: 'the name or ARN of a DynamoDB table',
  EVIDENCE_BUCKET: 'the name of an S3 bucket',
  AUDITOR_CONFIG_LOCATION: 's3://BUCKET/KEY or ssm:/NAME, without wildcards',
  DEPLOYED_SETTINGS: 'a JSON object of names of settings to texts',
  AUDITOR_SECRET_ARNS: 'a JSON object of names of secrets to ARNs of secrets',
  AWS_REGION: 'the name of an AWS region, such as eu-west-1',
  AUDITOR_CONFIG_FILE: 'the path of a configuration file',
  AWS_ENDPOINT_URL: 'a URL',
  AWS_ENDPOINT_URL_S3: 'a URL',
};

/**
 * Reads the function's variables. An empty variable counts as one that is not set.
 *
 * @param publishes whether the function needs a topic @default true
 * @throws EnvironmentError naming every variable that cannot be used
 */
export function parseEnvironment(
  environment: Readonly<Record<string, string | undefined>>,
  { publishes = true }: { readonly publishes?: boolean } = {},
): FunctionEnvironment {
  const given = Object.fromEntries(Object.entries(environment).filter(([, value]) => value !== ''));
  const result = (publishes ? publisherSchema : schema).safeParse(given);
  if (!result.success) {
    const names = new Set(result.error.issues.map(({ path: [name] }) => name as Name));
    const problems = [...names].map((name) => problemOf(name, Boolean(environment[name])));
    throw new EnvironmentError(
      `${problems.join('. ')}. The deployment sets the function's environment variables: deploy again, or correct them.`,
    );
  }
  const variables = result.data;
  const { ALERT_TOPIC_ARN: alerts } = variables;
  return {
    serviceName: variables.POWERTOOLS_SERVICE_NAME ?? 'pg-tls-auditor',
    region: variables.AWS_REGION,
    topics:
      alerts === undefined
        ? undefined
        : { alerts, routes: variables.ROUTE_TOPIC_ARN, chat: variables.CHAT_TOPICS ?? {} },
    stateTable: variables.STATE_TABLE,
    evidenceBucket: variables.EVIDENCE_BUCKET,
    hasOwnS3Endpoint: (variables.AWS_ENDPOINT_URL_S3 ?? variables.AWS_ENDPOINT_URL) !== undefined,
    secretArns: new Map(Object.entries(variables.AUDITOR_SECRET_ARNS ?? {})),
    configFile: variables.AUDITOR_CONFIG_FILE,
    configLocation: variables.AUDITOR_CONFIG_LOCATION,
    deployedSettings: variables.DEPLOYED_SETTINGS ?? {},
  };
}

function problemOf(name: Name, isSet: boolean): string {
  return isSet ? `${name} is not ${ALLOWED[name]}` : `${name} is not set: it must be ${ALLOWED[name]}`;
}
