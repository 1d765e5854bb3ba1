// Computes what a month of audits costs: by one function, and by a fleet of workers on Step Functions.

import { ASSUMED, DEPLOYED, MEASURED, PRICES, UNCHANGED_WRITES } from './cost-figures.ts';
import { markdownTable } from './markdown.ts';

const DAYS_A_MONTH = 30.4;
const GB = 1e9;

export interface Deployment {
  readonly kind: 'function' | 'fleet';
  readonly databases: number;
}

/** One function audits 1,000 databases in a run; a fleet has no such limit. */
export const DEPLOYMENTS: readonly Deployment[] = [
  { kind: 'function', databases: 100 },
  { kind: 'function', databases: 1_000 },
  { kind: 'fleet', databases: 100 },
  { kind: 'fleet', databases: 1_000 },
  { kind: 'fleet', databases: 10_000 },
];

export interface CostLine {
  readonly what: string;
  /** Dollars a month. */
  readonly cost: (deployment: Deployment) => number;
}

const batches = ({ kind, databases }: Deployment): number =>
  kind === 'fleet' ? Math.ceil(databases / ASSUMED.batch) : 0;

const monthly = (ofOneRun: number): number => ofOneRun * DEPLOYED.runsAMonth;

/** In the order of the table. What is not here costs cents: SNS, the schedule, SQS. */
export const COST_LINES: readonly CostLine[] = [
  {
    what: 'Fixed: metrics, alarms, dashboard, KMS key',
    cost: () =>
      DEPLOYED.metrics * PRICES.metric +
      DEPLOYED.alarms * PRICES.alarm +
      DEPLOYED.dashboards * PRICES.dashboard +
      PRICES.key,
  },
  {
    what: 'Log: ingestion, and storage for 90 days',
    cost: ({ databases }) => {
      const gigabytes = monthly(databases * MEASURED.logBytes) / GB;
      return gigabytes * (PRICES.logIngested + (PRICES.logKept * DEPLOYED.logKeptDays) / DAYS_A_MONTH);
    },
  },
  {
    what: 'DynamoDB: the scans of all databases, their clients, and one reading of the open findings',
    cost: ({ databases }) =>
      monthly(
        (writesUnchanged(databases) + databases * MEASURED.clientWriteUnits) * PRICES.dynamoDbWrite +
          databases * (MEASURED.stateRecords / KB_OF_READ + MEASURED.clientReadUnits) * PRICES.dynamoDbRead,
      ),
  },
  {
    what: 'Lambda (arm64)',
    cost: (deployment) => monthly(lambdaSeconds(deployment) * PRICES.lambdaGbSecond + requests(deployment)),
  },
  {
    what: 'Step Functions, standard workflows',
    cost: (deployment) =>
      deployment.kind === 'function'
        ? 0
        : monthly(
            (ASSUMED.parentTransitions + batches(deployment) * ASSUMED.childTransitions) * PRICES.stateTransition,
          ),
  },
  {
    what: 'Secrets Manager, calls for 20 secrets each',
    cost: ({ databases }) => monthly(databases * MEASURED.secretCalls * PRICES.secretsManagerCall),
  },
  { what: 'S3: the reports, their pages, and the parts of a fleet', cost: s3 },
];

/** KB that one unit of a consistent reading covers. */
const KB_OF_READ = 4;

/** Units of 1 KB that a run writes in which nothing changed. */
function writesUnchanged(databases: number): number {
  const { items, bytesOfDatabase, lease } = UNCHANGED_WRITES;
  return items * Math.ceil((databases * bytesOfDatabase) / items / 1024) + lease;
}

/** Seconds at 1 GB. */
function lambdaSeconds(deployment: Deployment): number {
  const { kind, databases } = deployment;
  if (kind === 'function') return databases * MEASURED.functionSeconds;
  const digest = ASSUMED.stepSeconds + databases * ASSUMED.digestSecondsOfDatabase;
  return batches(deployment) * ASSUMED.workerSeconds + 2 * ASSUMED.stepSeconds + digest * DEPLOYED.digestGigabytes;
}

function requests(deployment: Deployment): number {
  return (deployment.kind === 'function' ? 1 : batches(deployment) + 3) * PRICES.lambdaRequest;
}

function s3(deployment: Deployment): number {
  const count = batches(deployment);
  const gigabytesARun = (deployment.databases * MEASURED.reportBytes) / GB;
  // The plan and the parts together are as large as the report.
  const days = DEPLOYED.evidenceKeptDays + (count > 0 ? ASSUMED.partsKeptDays : 0);
  const kept = (monthly(gigabytesARun) / DAYS_A_MONTH) * days * PRICES.s3Kept;
  // The latest page of a run before is kept as an older version.
  const pages = (monthly((2 * pageBytes(deployment)) / GB) / DAYS_A_MONTH) * DEPLOYED.evidenceKeptDays * PRICES.s3Kept;
  return kept + pages + monthly(putsOf(deployment) * PRICES.s3Put + count * ASSUMED.readsForEachBatch * PRICES.s3Get);
}

function pageBytes({ databases }: Deployment): number {
  return Math.min(MEASURED.pageBytes + databases * MEASURED.pageBytesEach, MEASURED.pageBytesAtMost);
}

function putsOf(deployment: Deployment): number {
  const count = batches(deployment);
  // The plan, and of each batch its part and its clients.
  return 1 + DEPLOYED.pagePuts + (count > 0 ? 2 * count + 1 : 0);
}

/** Dollars a month. */
export function totalCost(deployment: Deployment): number {
  return COST_LINES.reduce((sum, { cost }) => sum + cost(deployment), 0);
}

/** The table of a month, and what grows with a run. */
export function costTable(): string {
  const heading = ['', ...DEPLOYMENTS.map(({ kind, databases }) => `${databases.toLocaleString('en')}, ${kind}`)];
  const rows = COST_LINES.map(({ what, cost }) => [what, ...DEPLOYMENTS.map((one) => dollars(cost(one)))]);
  const sums = ['**Sum**', ...DEPLOYMENTS.map((one) => `**${dollars(totalCost(one))}**`)];
  return `${markdownTable(heading, [...rows, sums])}
${callTable()}
List prices of us-east-1, without any free tier, written down on ${PRICES.writtenDown}.
`;
}

/** Calls of one run: what meets a quota before it meets a price. */
function callTable(): string {
  const count = (value: number): string => Math.ceil(value).toLocaleString('en');
  const calls: readonly (readonly [string, (deployment: Deployment) => number])[] = [
    [
      'State transitions',
      (one) => (one.kind === 'function' ? 0 : ASSUMED.parentTransitions + batches(one) * ASSUMED.childTransitions),
    ],
    [
      'Writes of 1 KB to DynamoDB, where nothing changed',
      ({ databases }) => writesUnchanged(databases) + databases * MEASURED.clientWriteUnits,
    ],
    ['FilterLogEvents, where every database logs to CloudWatch', ({ databases }) => databases],
    ['BatchGetSecretValue', ({ databases }) => databases * MEASURED.secretCalls],
    ['PutObject', putsOf],
  ];
  const heading = ['Calls of a run', ...DEPLOYMENTS.map(({ kind, databases }) => `${count(databases)}, ${kind}`)];
  return markdownTable(
    heading,
    calls.map(([what, of]) => [what, ...DEPLOYMENTS.map((one) => count(of(one)))]),
  );
}

function dollars(value: number): string {
  return `$${value.toFixed(2)}`;
}
