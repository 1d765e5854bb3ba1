// Builds the filter pattern that lets CloudWatch Logs give the entries about connections, and no others.

import type { LogSettings } from './source.ts';

/** Whatever the server's settings are. */
const SERVER = [
  'connection authorized',
  'could not accept SSL connection',
  'received direct SSL connection request',
  'no pg_hba.conf entry',
  'pg_hba.conf rejects',
  'certificate authentication failed',
  'requires a valid client certificate',
  'authenticated user name',
  'Client certificate verification failed',
] as const;

/** Says where a client is, where no other entry does. */
const ARRIVAL = 'connection received';

/** Entries after the login show the true name of an application, which may have forged the text of its login. */
const LATER = ['connection ready', 'disconnection: session time'] as const;

const POOLER = ['login attempt: ', 'closing because: SSL required'] as const;

/**
 * Any one of the phrases, as the unstructured patterns of CloudWatch Logs write it. Letters must match in their case.
 *
 * @param settings of the server; undefined for a PgBouncer
 * @see https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/FilterAndPatternSyntax.html
 */
export function connectionFilter(settings: Pick<LogSettings, 'logLinePrefix'> | undefined): string {
  return phrases(settings)
    .map((phrase) => `?"${phrase}"`)
    .join(' ');
}

function phrases(settings: Pick<LogSettings, 'logLinePrefix'> | undefined): readonly string[] {
  if (settings === undefined) return POOLER;
  const escapes = [...settings.logLinePrefix.matchAll(/%-?\d*([A-Za-z%])/g)];
  const shown = new Set(escapes.map(([, letter]) => letter));
  const showsHost = shown.has('h') || shown.has('r');
  return [...SERVER, ...(showsHost ? [] : [ARRIVAL]), ...(shown.has('a') ? LATER : [])];
}
