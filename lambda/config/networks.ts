// Decides from which network a target is audited, or why none reaches it.

import { displayText } from '../model/display.ts';
import type { Failure } from '../model/failure.ts';
import { quoteName } from '../model/given-text.ts';
import type { Target } from '../model/target.ts';
import type { Config } from './index.ts';
import { DEFAULT_NETWORK } from './schema.ts';

/** The networks that there are. Satellites are networks too. */
export interface Networks {
  readonly names: readonly string[];
  /** The network of targets that name none; undefined: there is none for them. */
  readonly byDefault: string | undefined;
}

type NetworkSettings = Pick<Config, 'networks' | 'satellites'> & {
  readonly deployment: Pick<Config['deployment'], 'vpc'>;
};

/**
 * Targets that name no network are in `deployment.vpc`, else in the only network; without `networks`, outside of a VPC.
 *
 * @param hasDefaultVpc whether there is a VPC for targets that name no network @default - as `deployment.vpc` says
 */
export function networksOf(
  { networks, satellites, deployment }: NetworkSettings,
  hasDefaultVpc = deployment.vpc !== undefined,
): Networks {
  const own = Object.keys(networks);
  const hasDefault = hasDefaultVpc || own.length === 0;
  const [only, ...others] = own;
  return {
    names: [...(hasDefault ? [DEFAULT_NETWORK] : []), ...own, ...Object.keys(satellites)],
    byDefault: hasDefault ? DEFAULT_NETWORK : others.length === 0 ? only : undefined,
  };
}

/** The name of the network from which the target is audited, or why there is none. */
export function networkOf({ network }: Pick<Target, 'network'>, { names, byDefault }: Networks): string | Failure {
  const name = network ?? byDefault;
  if (name !== undefined && names.includes(name)) return name;
  const allowed = names.filter((each) => each !== DEFAULT_NETWORK).map(quoteName);
  const list = allowed.slice(0, 10).join(', ') + (allowed.length > 10 ? ` and ${allowed.length - 10} more` : '');
  const choose =
    allowed.length === 0 ? '' : `set its "network", or that of the rule that finds it, to one of ${list}; or `;
  return {
    cause: 'network-unknown',
    phase: 'waiting',
    message:
      name === undefined
        ? 'It names no network, and there is no default network for such a target'
        : `It names the network ${quoteName(displayText(name, 60))}, and there is none of that name`,
    remedy:
      name === undefined
        ? `${choose}set deployment.vpc, which is the network of targets that name none`
        : `${choose}add the network under "networks"`,
  };
}
