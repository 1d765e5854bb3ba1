// Combines a configuration with the settings that the deployment fixed, and names those that it would change.

import { isDeepStrictEqual } from 'node:util';
import { quoteName } from '../model/given-text.ts';
import { type Config, type ConfigInput, parseConfig, type Route } from './index.ts';

/** A configuration as a run of the deployment can follow it. */
export interface SettledConfig {
  readonly config: Config;
  /** Settings that it would change and only a deployment can, as paths. */
  readonly notInEffect: readonly string[];
}

/** What the deployment made resources of. */
const FIXED = ['schedule', 'timezone', 'networks', 'satellites'] as const;

const RECEIVERS = ['email', 'slack', 'https', 'sqs', 'lambda'] as const;

/**
 * Settings that the document does not name are those of the deployment.
 *
 * @param source - How messages call the document.
 * @throws ConfigError
 */
export function withDeployedSettings(document: unknown, deployed: Config, source: string): SettledConfig {
  const parsed = parseConfig(document, { source, use: 'deployment' });
  const given = document as ConfigInput;
  const routes = routesOf(parsed.alerts.routes, deployed.alerts.routes);
  const notInEffect = [
    ...FIXED.filter((name) => name in given && !isDeepStrictEqual(parsed[name], deployed[name])),
    ...(['email', 'slack'] as const)
      .filter((name) => name in Object(given.alerts) && !isSameSet(parsed.alerts[name], deployed.alerts[name]))
      .map((name) => `alerts.${name}`),
    ...routes.flatMap(({ problem }) => problem ?? []),
    ...deploymentKeys(given)
      .filter((name) => !isDeepStrictEqual(parsed.deployment[name], deployed.deployment[name]))
      .map((name) => `deployment.${name}`),
  ];
  const { schedule, timezone, networks, satellites, deployment } = deployed;
  const { email, slack } = deployed.alerts;
  return {
    config: {
      ...parsed,
      ...{ schedule, timezone, networks, satellites, deployment },
      alerts: { ...parsed.alerts, email, slack, routes: routes.flatMap(({ route }) => route ?? []) },
    },
    notInEffect,
  };
}

function deploymentKeys({ deployment = {} }: ConfigInput): readonly (keyof Config['deployment'])[] {
  return Object.keys(deployment) as (keyof Config['deployment'])[];
}

interface SettledRoute {
  readonly route?: Route;
  readonly problem?: string;
}

/** A route is a subscription with a filter: which targets it takes is up to the run, and its receivers are deployed. */
function routesOf(given: readonly Route[], deployed: readonly Route[]): readonly SettledRoute[] {
  return given.map((route) => {
    const there = deployed.find(({ name }) => name === route.name);
    const problem = `alerts.routes (${quoteName(route.name)})`;
    if (there === undefined) return { problem };
    const receivers = Object.fromEntries(RECEIVERS.map((kind) => [kind, there[kind]]));
    const isSame = RECEIVERS.every((kind) => isSameSet(route[kind], there[kind]));
    return { route: { ...route, ...receivers }, ...(isSame ? {} : { problem }) };
  });
}

function isSameSet(a: readonly unknown[], b: readonly unknown[]): boolean {
  const keys = (list: readonly unknown[]): readonly string[] => list.map((entry) => JSON.stringify(entry)).sort();
  return isDeepStrictEqual(keys(a), keys(b));
}
