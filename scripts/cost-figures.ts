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
  key: 1,
} as const;

/** Of a run in which nothing changed, per database. Measured with 1,000 databases on one machine of two processors. */
export const MEASURED = {
  logBytes: 3_600,
  /** Of about 1 KB: the record of the target, and of what is open on it. */
  stateWrites: 1.67,
  /** The whole state is read once, 1 KB a record. */
  stateReadUnits: 1.67 / 4,
  /** What is kept of the clients: a record of 2 KB for a database with few clients, written once an hour. */
  clientWriteUnits: 2 / 4,
  /** It is read in each run. */
  clientReadUnits: 1,
  /** 20 s for 1,000 at 1 GB of memory, which has 0.58 of a processor. */
  functionSeconds: 0.02,
  /** Compressed. */
  reportBytes: 75,
  /** 20 secrets in one call. */
  secretCalls: 1 / 20,
} as const;

/** What was not measured: a fleet has not run on AWS yet. */
export const ASSUMED = {
  batch: 100,
  /** Of a worker for its batch: 2 s of its own by the measured rate, the rest for databases that answer slowly. */
  workerSeconds: 10,
  /** States of a child execution: its start, the worker, its end. */
  childTransitions: 3,
  /** Of the parent: start, plan, map, repair, choice, digest, end, and one to spare. */
  parentTransitions: 8,
  /** Of the plan, the repair and the digest besides what grows, each at 1 GB. */
  stepSeconds: 15,
  /** One partition of the table takes 1,000 writes a second: the digest waits for them. */
  digestWritesASecond: 1_000,
  /** Each worker reads the plan, and the digest every part. */
  readsForEachBatch: 2,
  /** Days for which the plan and the parts of a run are kept. */
  partsKeptDays: 7,
} as const;

/** Of the default deployment. */
export const DEPLOYED = {
  runsAMonth: 2_920,
  metrics: 12,
  alarms: 6,
  /** Of the state machine: failed, timed out and aborted executions. */
  fleetAlarms: 3,
  logKeptDays: 90,
  evidenceKeptDays: 400,
} as const;
