// Makes a link that opens the page of a run without a login, for as long as the role's credentials last.
// The function loads it only where the configuration asks for such links.

import { GetObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';

/** Seconds. The credentials that Lambda gives the role end within hours, and the link with them. */
const VALID = 12 * 60 * 60;

/**
 * Asks no service. The object need not be there yet.
 *
 * @returns a URL with which anyone can read the object
 * @throws what the source of credentials throws
 */
export async function presignPage(client: S3Client, bucket: string, key: string): Promise<string> {
  return await getSignedUrl(client, new GetObjectCommand({ Bucket: bucket, Key: key }), { expiresIn: VALID });
}
