// Holds what the costs are computed from: what runs were measured to take, and list prices.

/** Of us-east-1, in dollars, without any free tier. */
export const PRICES = {
  writtenDown: '2026-11-28',
  /** Of the on-demand mode, an item of 1 KB. */
  dynamoDbWrite: 0.625 / 1e6,
  /** The same, 4 KB read consistently. */
  dynamoDbRead: 0.125 / 1e6,
  lambdaGbSecond: 0.0000133334,
  lambdaRequest: 0.2 / 1e6,
  /** A GB taken in, and a GB kept for a month. */
  logIngested: 0.5,
  logKept: 0.03,
  secretsManagerCall: 0.05 / 1e4,
  s3Put: 0.005 / 1e3,
  s3Get: 0.0004 / 1e3,
  s3Kept: 0.023,
  /** Of a standard workflow. */
  stateTransition: 25 / 1e6,
  metric: 0.3,
  alarm: 0.1,
  /** An account's first three cost nothing. */
  dashboard: 3,
  key: 1,
} as const;

/** Of a run in which nothing changed, per database. Measured with 1,000 databases on one machine of two processors. */
export const MEASURED = {
  logBytes: 3_600,
  /** Open findings, each with a record of about 1 KB: read in every run, and written when they change. */
  stateRecords: 0.67,
  /** What is kept of the clients: a record of 2 KB for a database with few clients, written once an hour. */
  clientWriteUnits: 2 / 4,
  /** It is read in each run. */
  clientReadUnits: 1,
  /** 20 s for 1,000 at 1 GB of memory, which has 0.58 of a processor. */
  functionSeconds: 0.02,
  /** Compressed. */
  reportBytes: 75,
  /** Of the page: compressed, of any run and per database. */
  pageBytes: 6_000,
  pageBytesEach: 20,
  /** A page has 5 MB at most, before it is compressed. */
  pageBytesAtMost: 115_000,
  /** 20 secrets in one call. */
  secretCalls: 1 / 20,
} as const;

/** What a run without changes writes to the state of a receiver: when each target was scanned, and the lease. */
export const UNCHANGED_WRITES = {
  /** At least one unit of 1 KB each. */
  items: 16,
  bytesOfDatabase: 9,
  lease: 3,
} as const;

/** What was not measured: a fleet has not run on AWS yet. */
export const ASSUMED = {
  batch: 100,
  /** Of a worker for its batch: 2 s of its own by the measured rate, the rest for databases that answer slowly. */
  workerSeconds: 10,
  /** States of a child execution, the choice of a worker among several included, and its end. */
  childTransitions: 3,
  /** Of the parent: plan, choice, map, repair, choice, digest, and the end. */
  parentTransitions: 7,
  /** Of the plan and the repair, each at 1 GB, and of the digest besides what grows. */
  stepSeconds: 15,
  /** Of the digest: it reads the parts and the state, and logs the report. */
  digestSecondsOfDatabase: 0.004,
  /** Each worker reads its targets, and the digest every part and its clients. */
  readsForEachBatch: 3,
  /** Days for which the plan and the parts of a run are kept. */
  partsKeptDays: 7,
} as const;

/** Of the default deployment. */
export const DEPLOYED = {
  runsAMonth: 2_920,
  metrics: 17,
  dashboards: 1,
  /** A fleet has as many: of failed and timed out executions in place of the function's errors and throttling. */
  alarms: 6,
  /** GB of memory of the digest. */
  digestGigabytes: 1.73,
  logKeptDays: 90,
  evidenceKeptDays: 400,
  /** The page of a run, the latest one, and the index. */
  pagePuts: 3,
} as const;
