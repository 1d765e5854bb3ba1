// Reads the region of a database from the name of its endpoint.

/** Of all regions and partitions: `orders.abc123.eu-west-1.rds.amazonaws.com`, `….rds.cn-north-1.amazonaws.com.cn`. */
const REGION_IN_NAME = /\.(?:([a-z]{2}(?:-[a-z]+)+-\d)\.rds|rds\.(cn-[a-z]+-\d))\.amazonaws\.com(?:\.cn)?\.?$/i;

/** The region that the name of an endpoint of RDS says; undefined for other names. */
export function regionOfHost(host: string): string | undefined {
  const [, named, inChina] = REGION_IN_NAME.exec(host) ?? [];
  return (named ?? inChina)?.toLowerCase();
}
