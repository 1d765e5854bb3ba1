// Reads the parameters about TLS of each parameter group of a place, each group once.

import { DescribeDBClusterParametersCommand, DescribeDBParametersCommand, type RDSClient } from '@aws-sdk/client-rds';
import pMap from 'p-map';
import { CLOUD_PARAMETER_NAMES, type CloudParameter, type CloudParameterGroup } from '../../model/cloud.ts';
import { known, type Observed, unknown } from '../../model/observed.ts';
import { PAGE_SIZE, readAll } from './paging.ts';

/** Calls at the same time: RDS asks for fewer soon. */
const CONCURRENCY = 4;

/** Parameter groups that are read of one place: more than the quota of an account and region. */
const MOST_GROUPS = 1_000;

/** No parameter that is read is longer: what is cut is no value that a check knows. */
const VALUE_LENGTH = 100;

type GroupKey = Pick<CloudParameterGroup, 'name' | 'ofCluster'>;

/** By the parameter's name; a parameter without a value has an empty one. */
export type GroupParameters = ReadonlyMap<string, CloudParameter>;

export function groupKey({ name, ofCluster }: GroupKey): string {
  return `${ofCluster ? 'cluster' : 'instance'}/${name}`;
}

/**
 * By `groupKey`. A group that can't be read is unknown, and costs no other group.
 *
 * @param describeError words an error, without a period
 */
export async function readParameters(
  client: RDSClient,
  groups: readonly GroupKey[],
  { signal, describeError }: { readonly signal: AbortSignal; readonly describeError: (error: unknown) => string },
): Promise<ReadonlyMap<string, Observed<GroupParameters>>> {
  const distinct = [...new Map(groups.map((group) => [groupKey(group), group]))];
  const entries = await pMap(
    distinct,
    async ([key, group], index): Promise<[string, Observed<GroupParameters>]> => {
      if (index >= MOST_GROUPS) return [key, unknown(`there are more than ${MOST_GROUPS} parameter groups`)];
      try {
        return [key, known(await readGroup(client, group, signal))];
      } catch (error) {
        return [key, unknown(describeError(error))];
      }
    },
    { concurrency: CONCURRENCY },
  );
  return new Map(entries);
}

/** The service returns the named parameters only; what else it sends is left out. */
async function readGroup(client: RDSClient, { name, ofCluster }: GroupKey, signal: AbortSignal) {
  const wanted: ReadonlySet<string> = new Set(CLOUD_PARAMETER_NAMES);
  const Filters = [{ Name: 'parameter-name', Values: [...wanted] }];
  const parameters = await readAll(async (Marker) => {
    const common = { Filters, MaxRecords: PAGE_SIZE, Marker };
    const { Parameters = [], Marker: marker } = ofCluster
      ? await client.send(new DescribeDBClusterParametersCommand({ ...common, DBClusterParameterGroupName: name }), {
          abortSignal: signal,
        })
      : await client.send(new DescribeDBParametersCommand({ ...common, DBParameterGroupName: name }), {
          abortSignal: signal,
        });
    return { entries: Parameters, marker };
  });
  return new Map(
    parameters.flatMap(({ ParameterName = '', ParameterValue = '', Source = '', ApplyType }) => {
      if (!wanted.has(ParameterName)) return [];
      const parameter: CloudParameter = {
        value: ParameterValue.slice(0, VALUE_LENGTH),
        source: Source.slice(0, VALUE_LENGTH),
        ...(ApplyType === 'static' || ApplyType === 'dynamic' ? { applyType: ApplyType } : {}),
      };
      return [[ParameterName, parameter] as const];
    }),
  );
}
