// The parts of ARNs.

import { expect, test } from 'vitest';
import { parseArn } from '../../lambda/model/arn.ts';

test('an ARN has five parts and a resource that may hold colons', () => {
  expect(parseArn('arn:aws-cn:secretsmanager:cn-north-1:123456789012:secret:orders-a1b2c3')).toEqual({
    partition: 'aws-cn',
    service: 'secretsmanager',
    region: 'cn-north-1',
    account: '123456789012',
    resource: 'secret:orders-a1b2c3',
  });
  expect(parseArn('arn:aws:s3:::bucket')).toMatchObject({ region: '', account: '', resource: 'bucket' });
});

test.each(['', 'prod/orders', 'arn:aws:sns:eu-west-1:123456789012', 'urn:a:b:c:d:e'])('%j is not an ARN', (text) => {
  expect(parseArn(text)).toBeUndefined();
});
