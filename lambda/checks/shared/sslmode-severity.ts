// Rates an sslmode of connections that a server or a pooler opens.

import type { Severity } from '../../model/severity.ts';

/**
 * The modes that libpq knows; undefined for the one that is nothing to find. Anything else may be a secret in the wrong
 * place, and is not shown.
 */
export const SSLMODE_SEVERITY: Readonly<Record<string, Severity | undefined>> = {
  disable: 'high',
  allow: 'high',
  prefer: 'high',
  require: 'medium',
  'verify-ca': 'medium',
  'verify-full': undefined,
};
