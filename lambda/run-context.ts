// Prepares a run: guards the process, and reads the environment, the configuration and the time that there is.

import { join } from 'node:path';
import { readConfigDocument } from './config/file.ts';
import { type Config, parseConfig } from './config/index.ts';
import { EnvironmentError, type FunctionEnvironment, parseEnvironment } from './environment.ts';
import type { ListedConfiguration } from './model/cloud.ts';
import { parseConfigLocation } from './model/config-location.ts';
import { showPath } from './model/given-text.ts';
import { divideTime } from './model/run-time.ts';
import { type Clock, endsAfter } from './model/time.ts';
import { ErrorCollector } from './runtime/error-collector.ts';
import { AWS_SERVICES, refuseUnsafeEnvironment, thisProcess } from './runtime/unsafe-environment.ts';
import type { Services } from './services.ts';

/** The part of Lambda's context that a run uses. */
export interface InvocationContext {
  readonly awsRequestId: string;
  getRemainingTimeInMillis(): number;
}

/** What an invocation runs with. */
export interface InvocationInput {
  /** Whether the function publishes messages, and so needs a topic. @default true */
  readonly publishes?: boolean | undefined;
  readonly invocation: InvocationContext;
  /** The variables of the process. */
  readonly variables: Readonly<Record<string, string | undefined>>;
  readonly clock: Clock;
  readonly services: Services;
}

/** What every step of a run needs. */
export interface RunContext {
  readonly environment: FunctionEnvironment;
  readonly config: Config;
  /** What is to be said of it, where it is from outside of the bundle. */
  readonly configuration: ListedConfiguration | undefined;
  /** Names the run to people. */
  readonly runId: string;
  readonly clock: Clock;
  readonly services: Services;
  /** Failures of steps that the other steps do not depend on. */
  readonly errors: ErrorCollector;
  readonly time: RunTime;
}

/** The time of an invocation. */
interface RunTime {
  /** Ends what is not rendering, publishing or answering. */
  readonly deadline: AbortSignal;
  /** Milliseconds that listing and auditing had at the start. */
  readonly auditMs: number;
  /** @returns how many of them are left, counted from now */
  leftMs(): number;
  /** @returns a signal that ends the wait for other runs, counted from now */
  leaseTimeout(): AbortSignal;
  /** @returns milliseconds until Lambda ends the invocation */
  remainingMs(): number;
}

/** The file that the deployment puts beside the bundle. */
const CONFIG_FILE = 'auditor.config.json';

/** @throws UnsafeEnvironmentError, EnvironmentError, ConfigFileError, ConfigError, ConfigLocationError */
export async function runContext({
  publishes = true,
  invocation,
  variables,
  clock,
  services,
}: InvocationInput): Promise<RunContext> {
  const time = timeOf(invocation);
  refuseUnsafeEnvironment({ ...thisProcess(), services: AWS_SERVICES });
  const environment = parseEnvironment(variables, { publishes });
  const errors = new ErrorCollector();
  const { config, configuration } = await configOf(environment, { clock, services, errors });
  return { environment, config, configuration, runId: invocation.awsRequestId, clock, services, errors, time };
}

function timeOf(invocation: InvocationContext): RunTime {
  const { auditMs, reserveMs } = divideTime(invocation.getRemainingTimeInMillis());
  return {
    deadline: endsAfter(auditMs),
    auditMs,
    leftMs: () => Math.max(0, invocation.getRemainingTimeInMillis() - reserveMs),
    leaseTimeout: () => endsAfter(Math.max(1_000, invocation.getRemainingTimeInMillis() - reserveMs / 2)),
    remainingMs: () => invocation.getRemainingTimeInMillis(),
  };
}

type Configured = Pick<RunContext, 'config' | 'configuration'>;

async function configOf(
  environment: FunctionEnvironment,
  { clock, services, errors }: Pick<RunContext, 'clock' | 'services' | 'errors'>,
): Promise<Configured> {
  const bundled = readConfig(environment);
  if (environment.configLocation === undefined) return { config: bundled, configuration: undefined };
  const location = parseConfigLocation(environment.configLocation);
  if (location === undefined) throw new EnvironmentError('AUDITOR_CONFIG_LOCATION names no object and no parameter.');
  const deployed = withSettings(bundled, environment.deployedSettings);
  const { config, listed, errors: failures } = await services.loadConfig(location, environment, { deployed, clock });
  for (const failure of failures) errors.add(failure);
  const { problem, notInEffect } = listed.facts;
  if (problem !== undefined) services.logger.error('the last good configuration is used', { problem });
  if (notInEffect.length > 0) services.logger.warn('settings need a deployment', { settings: notInEffect });
  return { config, configuration: listed };
}

/** The settings of a deployment that has parameters for them. */
function withSettings(config: Config, settings: FunctionEnvironment['deployedSettings']): Config {
  const { schedule = config.schedule, timezone = config.timezone, email } = settings;
  const addresses = email === undefined ? config.alerts.email : email === '' ? [] : [email];
  return { ...config, schedule, timezone, alerts: { ...config.alerts, email: addresses } };
}

function readConfig({
  configFile,
  configLocation,
}: Pick<FunctionEnvironment, 'configFile' | 'configLocation'>): Config {
  const file = configFile ?? join(import.meta.dirname, CONFIG_FILE);
  const document = readConfigDocument(file, {
    shownAs: showPath(file),
    whenMissing: 'deploy again, or correct AUDITOR_CONFIG_FILE',
  });
  return parseConfig(document, {
    source: showPath(file),
    use: 'deployment',
    targetsElsewhere: configLocation !== undefined,
  });
}
