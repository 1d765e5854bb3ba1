import { expect, test } from 'vitest';
import { regionOfHost } from '../../lambda/model/rds-region.ts';

test.each([
  ['orders.abc123.eu-west-1.rds.amazonaws.com', 'eu-west-1'],
  ['Orders.ABC123.EU-WEST-1.RDS.amazonaws.com.', 'eu-west-1'],
  ['shop.cluster-ro-abc123.ap-southeast-2.rds.amazonaws.com', 'ap-southeast-2'],
  ['pool.proxy-abc123.us-east-1.rds.amazonaws.com', 'us-east-1'],
  ['pool-ro.endpoint.proxy-abc123.us-east-1.rds.amazonaws.com', 'us-east-1'],
  ['shop.limitless-abc123.eu-central-1.rds.amazonaws.com', 'eu-central-1'],
  ['orders.abc123.us-gov-west-1.rds.amazonaws.com', 'us-gov-west-1'],
  ['orders.abc123.rds.cn-north-1.amazonaws.com.cn', 'cn-north-1'],
  ['orders.abc123.us-iso-east-1.rds.c2s.ic.gov', 'us-iso-east-1'],
  ['orders.abc123.eusc-de-east-1.rds.amazonaws.eu', 'eusc-de-east-1'],
  ['orders.internal', undefined],
  ['eu-west-1.rds.amazonaws.com.example.com', undefined],
  ['orders.abc123.eu-west-1.rds.amazonaws.com.evil.example', undefined],
  ['', undefined],
])('the region of %s is %s', (host, region) => {
  expect(regionOfHost(host)).toBe(region);
});
