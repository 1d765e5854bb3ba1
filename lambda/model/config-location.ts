// Parses where a configuration outside of the function's bundle is: an object in S3, or a parameter of SSM.

import { displayText } from './display.ts';

export type ConfigLocation =
  | { readonly is: 's3'; readonly bucket: string; readonly key: string }
  | { readonly is: 'ssm'; readonly name: string };

/** What `parseConfigLocation` takes, for messages. */
export const CONFIG_LOCATION_FORMS = 's3://BUCKET/KEY or ssm:/NAME, without wildcards';

// The key and the name stand in an IAM policy, where * and $ would match more than one.
const S3 = /^s3:\/\/([a-z0-9][a-z0-9.-]{1,61}[a-z0-9])\/([\w.-]+(?:\/[\w.-]+)*)$/;
const SSM = /^ssm:((?:\/[\w.-]+)+)$/;

/** The most characters of a key (S3), and of a name with its ARN (SSM). */
const LONGEST = 1_000;

/** @returns undefined for any other text */
export function parseConfigLocation(text: string): ConfigLocation | undefined {
  if (text.length > LONGEST) return undefined;
  const [, bucket, key] = S3.exec(text) ?? [];
  if (bucket !== undefined && key !== undefined) return { is: 's3', bucket, key };
  const [, name] = SSM.exec(text) ?? [];
  return name === undefined ? undefined : { is: 'ssm', name };
}

/** As a part of a sentence. */
export function describeConfigLocation(location: ConfigLocation): string {
  return location.is === 's3'
    ? `the object ${displayText(location.key, 300)} of the bucket ${displayText(location.bucket)}`
    : `the parameter ${displayText(location.name, 300)}`;
}

/** As a short name, unique in an account and region. */
export function configLocationName(location: ConfigLocation): string {
  return location.is === 's3' ? `s3:${location.bucket}/${location.key}` : `ssm:${location.name}`;
}
