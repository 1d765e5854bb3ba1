// Renders the plaintext and deprecated logins of each day by role; what is not recorded is drawn as unknown.

import type { LoginDay } from '../../model/login-day.ts';
import { plaintextLogins } from '../logins.ts';
import type { Report } from '../schema.ts';
import { PLAIN, plural } from '../text.ts';
import { dayBars } from './day-bars.ts';
import { section } from './document.ts';
import { html, type Markup } from './markup.ts';

const HEADING = 'Plaintext and deprecated logins a day, by role';

/** @param days - Oldest first; undefined where they are not known: then what the report has of the last day. */
export function loginSection(report: Pick<Report, 'targets'>, days: readonly LoginDay[] | undefined): Markup {
  if (days !== undefined) return loginDaysSection(days);
  const { read, total, plaintext } = plaintextLogins(report.targets);
  const unread = report.targets.length - read;
  return section(
    'logins',
    HEADING,
    read === 0
      ? html`<p>Not known: no connection log of these databases was read ("logs").</p>`
      : html`<p>In the last 24 hours: <strong>${number(plaintext)}</strong> of ${number(total)} logins were in plaintext, as the connection logs of ${plural(
          read,
          'database',
        )} show.${unread === 0 ? '' : ` Of ${plural(unread, 'database')} the logins are not known.`} Earlier days are not in a report.</p>`,
  );
}

/** @param days - Oldest first. */
export function loginDaysSection(days: readonly LoginDay[]): Markup {
  const unknown = days.filter(({ recorded }) => recorded === 'none').length;
  const partly = days.filter(({ recorded }) => recorded === 'part').length;
  const gaps =
    unknown + partly === 0
      ? `All ${days.length} days are recorded.`
      : `Of ${plural(days.length, 'day')}, ${unknown} are not recorded and ${partly} in part: what is not recorded is unknown, not zero.`;
  return section(
    'logins',
    HEADING,
    html`<p>${gaps}</p>${dayBars(
      `Logins a day by role, ${days.length} days`,
      days.map(({ counts, ...day }) => ({ ...day, counts: byRole(counts) })),
    )}`,
  );
}

function byRole(counts: LoginDay['counts']): ReadonlyMap<string, number> {
  const sums = new Map<string, number>();
  for (const { role, kind, logins } of counts) {
    const name = `${roleName(role)}, ${kind}`;
    sums.set(name, (sums.get(name) ?? 0) + logins);
  }
  return sums;
}

/** `"app"`, or what stands for a role that is not known. */
export function roleName(role: string | undefined): string {
  return role === undefined || role === '' ? '(role not known)' : PLAIN.value(role);
}

function number(count: number): string {
  return count.toLocaleString('en');
}
