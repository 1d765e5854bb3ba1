// Words why a configuration outside of the bundle can't be read, with what to do about it.

import { failureName, isUnreachable } from '../deliver/service-failure.ts';
import { type ConfigLocation, describeConfigLocation } from '../model/config-location.ts';

/** The location gave no document. The message is a sentence without its period. */
export class ConfigLocationError extends Error {
  override readonly name = 'ConfigLocationError';
}

const THROTTLED = 'the service asked for fewer requests: the next run tries again';
const REGION = 'the bucket is in another region: name one in the region of the function';
const KEY = 'allow the role of the function kms:Decrypt on the key, or enable the key';

const REMEDIES: Readonly<Record<string, string>> = {
  // S3 does not say that an object is missing to those who may not list the bucket.
  AccessDenied:
    'put the object there, or allow the role of the function s3:GetObject on it (and kms:Decrypt on its key)',
  AccessDeniedException: 'allow the role of the function ssm:GetParameter on it (and kms:Decrypt on its key)',
  NoSuchKey: 'put the object there',
  NoSuchBucket: 'there is no such bucket: correct the location where the auditor is deployed',
  ParameterNotFound: 'there is no such parameter in this region: create it, or correct the location',
  ParameterVersionNotFound: 'there is no such parameter in this region: create it, or correct the location',
  InvalidKeyId: KEY,
  'KMS.DisabledException': KEY,
  'KMS.NotFoundException': KEY,
  PermanentRedirect: REGION,
  AuthorizationHeaderMalformed: REGION,
  SlowDown: THROTTLED,
  ThrottlingException: THROTTLED,
  TooManyRequestsException: THROTTLED,
  ABORT_ERR: 'it did not come in time: the next run tries again',
  AbortError: 'it did not come in time: the next run tries again',
  TimeoutError: 'it did not come in time: the next run tries again',
};

const UNREACHABLE = 'check the route to the service: isolated subnets need a VPC endpoint for it';

/** @param error of the SDK: it is only the cause, because a service's answer may hold any text */
export function locationFailure(location: ConfigLocation, error: unknown): ConfigLocationError {
  if (error instanceof ConfigLocationError) return error;
  const name = failureName(error);
  const remedy = REMEDIES[name] ?? (isUnreachable(error) ? UNREACHABLE : 'read the cause in the log');
  return new ConfigLocationError(`${describeConfigLocation(location)} can't be read (${name}): ${remedy}`, {
    cause: error,
  });
}
