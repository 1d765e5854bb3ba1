// Describes the setting `role`, which makes a login's sessions run as another role.

import type { AssumedRole, Visibility } from './snapshot.ts';
import { quoteIdentifier } from './sql-identifier.ts';

/** The statement that ends it; undefined where no setting makes the login another role. */
export function resetRole({ assumed }: Visibility): string | undefined {
  return assumed?.setting === undefined ? undefined : `${owner(assumed.setting)} RESET role;`;
}

/** The role that logged in, whatever role its session runs as. */
export function loginRole({ role, assumed }: Visibility): string {
  return assumed?.login ?? role;
}

function owner({ role, database }: NonNullable<AssumedRole['setting']>): string {
  if (role === undefined) {
    return database === undefined ? 'ALTER ROLE ALL' : `ALTER DATABASE ${quoteIdentifier(database)}`;
  }
  const where = database === undefined ? '' : ` IN DATABASE ${quoteIdentifier(database)}`;
  return `ALTER ROLE ${quoteIdentifier(role)}${where}`;
}
