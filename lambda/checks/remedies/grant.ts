// Writes the GRANT that makes a login see more, in the form that the server's version needs.

import { majorOf } from '../../model/postgres-version.ts';
import { loginRole, resetRole } from '../../model/role-setting.ts';
import type { Snapshot } from '../../model/snapshot.ts';
import { quoteIdentifier } from '../../model/sql-identifier.ts';

/** The first version in which a membership, and no longer the role, says whether its privileges are inherited. */
const INHERIT_BY_GRANT = 16;

/** The only version before it in which members of predefined roles have the privileges by inheritance alone. */
const INHERIT_BY_ROLE = 15;

type Of = Pick<Snapshot, 'server' | 'visibility'>;

/** What to run so that the auditor's login has the privileges of a predefined role, on one line. */
export function grantRole(granted: string, snapshot: Of): string {
  const reset = snapshot.visibility.known ? resetRole(snapshot.visibility.value) : undefined;
  const statements = [...(reset === undefined ? [] : [reset]), ...grantStatements(granted, snapshot)];
  return `${whereToGrant(snapshot)}${statements.join(' ')}`;
}

/** The same for the role that logs in, one statement each. */
export function grantStatements(granted: string, snapshot: Of): readonly string[] {
  const role = loginOf(snapshot);
  const major = majorOf(snapshot) ?? 0;
  const inherits = !snapshot.visibility.known || snapshot.visibility.value.inherits !== false;
  const inherit = major >= INHERIT_BY_GRANT ? ' WITH INHERIT TRUE' : '';
  const alter = major === INHERIT_BY_ROLE && !inherits ? [`ALTER ROLE ${role} INHERIT;`] : [];
  return [`GRANT ${granted} TO ${role}${inherit};`, ...alter];
}

/** A standby takes no GRANT: it has those of its primary. */
export function whereToGrant({ server }: Pick<Snapshot, 'server'>): string {
  return server.known && server.value.inRecovery ? 'on the primary: ' : '';
}

/** The auditor's login, as a statement names it. */
export function loginOf({ visibility }: Pick<Snapshot, 'visibility'>): string {
  return visibility.known ? quoteIdentifier(loginRole(visibility.value)) : '<role>';
}
