// Reads the region of a database from the name of its endpoint.

/**
 * Of all regions and partitions, of instances, clusters and proxies: `orders.abc123.eu-west-1.rds.amazonaws.com`,
 * `….rds.cn-north-1.amazonaws.com.cn`, `….eusc-de-east-1.rds.amazonaws.eu`, `….us-iso-east-1.rds.c2s.ic.gov`.
 */
const REGION_IN_NAME =
  /\.(?:([a-z]{2,8}(?:-[a-z]+)+-\d{1,2})\.rds|rds\.(cn-[a-z]+-\d))\.(?:amazonaws\.com(?:\.cn)?|amazonaws\.eu|c2s\.ic\.gov|sc2s\.sgov\.gov)\.?$/i;

/** The region that the name of an endpoint of RDS says; undefined for other names. */
export function regionOfHost(host: string): string | undefined {
  const [, named, inChina] = REGION_IN_NAME.exec(host) ?? [];
  return (named ?? inChina)?.toLowerCase();
}
