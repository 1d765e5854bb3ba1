// Parses schedule expressions of EventBridge Scheduler, and says on which days they run.
//
// https://docs.aws.amazon.com/scheduler/latest/UserGuide/schedule-types.html

/** The fields of a `cron()`, in their order. */
const FIELDS = [
  { name: 'minutes', least: 0, most: 59, names: [], allowed: '0-59' },
  { name: 'hours', least: 0, most: 23, names: [], allowed: '0-23' },
  {
    name: 'day of month',
    least: 1,
    most: 31,
    names: [],
    allowed: '1-31, L (the last day) or 15W (the weekday nearest)',
  },
  {
    name: 'month',
    least: 1,
    most: 12,
    names: ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'],
    allowed: '1-12 or JAN-DEC',
  },
  {
    name: 'day of week',
    least: 1,
    most: 7,
    names: ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'],
    allowed: '1-7 or SUN-SAT (1 is Sunday), FRI#2 (the second Friday) or FRIL (the last one)',
  },
  { name: 'year', least: 1970, most: 2199, names: [], allowed: '1970-2199' },
] as const;
type Field = (typeof FIELDS)[number];

const EXPRESSION = 'must be an EventBridge Scheduler expression';
const SIX_FIELDS =
  'A cron() has six fields: minutes, hours, day of month, month, day of week, year. One of the two fields for days is ?, ' +
  'for example cron(0 6 * * ? *) or cron(0 6 ? * MON-FRI *)';

/** Days of each month in a leap year: 29 February comes. */
const LONGEST_MONTHS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];

const MINUTES_IN = { minute: 1, hour: 60, day: 24 * 60 } as const;

/** Which days a `cron()` runs on, in the field that is not `?`. */
export type DayRule =
  | { readonly of: 'month'; readonly days: ReadonlySet<number> }
  | { readonly of: 'week'; readonly days: ReadonlySet<number> }
  | { readonly of: 'last-day' }
  | { readonly of: 'last-weekday' }
  | { readonly of: 'nearest-weekday'; readonly day: number }
  | { readonly of: 'nth'; readonly weekday: number; readonly nth: number }
  | { readonly of: 'last-of-week'; readonly weekday: number };

export type Schedule =
  | { readonly kind: 'rate' /** Between two runs. */; readonly minutes: number }
  | {
      readonly kind: 'cron';
      /** Ascending. */
      readonly minutes: readonly number[];
      readonly hours: readonly number[];
      readonly months: ReadonlySet<number>;
      readonly years: ReadonlySet<number>;
      readonly days: DayRule;
      /** The day of week as it is written, where it counts days by number: 1 is Sunday, not Monday. */
      readonly weekdayNumbers?: string | undefined;
    };

/**
 * Reads a schedule expression.
 *
 * @returns the schedule, or what is wrong with it and what is allowed
 *
 * @example parseSchedule('cron(0 6 ? * MON-FRI *)')
 */
export function parseSchedule(expression: string): Schedule | { readonly problem: string } {
  const rate = /^rate\(([1-9]\d{0,8}) (minute|hour|day)s?\)$/.exec(expression);
  if (rate !== null) {
    const [, count, unit] = rate;
    return { kind: 'rate', minutes: Number(count) * MINUTES_IN[unit as keyof typeof MINUTES_IN] };
  }
  const text = /^cron\((.*)\)$/.exec(expression)?.[1];
  if (text === undefined) {
    return { problem: `${EXPRESSION} such as rate(15 minutes) or cron(0 6 * * ? *)` };
  }
  const fields = text.split(' ');
  if (fields.length !== FIELDS.length || fields.includes('')) {
    return { problem: `${EXPRESSION}. ${SIX_FIELDS}` };
  }
  try {
    return parseCron(fields);
  } catch (error) {
    if (error instanceof FieldError) return { problem: `${EXPRESSION}: ${error.message}` };
    throw error;
  }
}

/** What is wrong with one field. */
class FieldError extends Error {
  override readonly name = 'FieldError';
}

function parseCron(fields: readonly string[]): Schedule {
  const [minutes = '', hours = '', dayOfMonth = '', month = '', dayOfWeek = '', year = ''] = fields;
  if ((dayOfMonth === '?') === (dayOfWeek === '?')) {
    throw new FieldError(`one of the two fields for days must be ?, and not both. ${SIX_FIELDS}`);
  }
  const months = new Set(values(month, FIELDS[3]));
  const days = dayOfWeek === '?' ? dayOfMonthRule(dayOfMonth) : dayOfWeekRule(dayOfWeek);
  const schedule = {
    kind: 'cron' as const,
    minutes: values(minutes, FIELDS[0]),
    hours: values(hours, FIELDS[1]),
    months,
    years: new Set(values(year, FIELDS[5])),
    days,
    ...(/\d/.test(dayOfWeek.replace(/#\d$/, '')) ? { weekdayNumbers: dayOfWeek } : {}),
  };
  if (days.of === 'month' && ![...months].some((each) => [...days.days].some((day) => day <= longest(each)))) {
    throw new FieldError(`its day never comes: no month of "${month}" has a day ${dayOfMonth}`);
  }
  if (days.of === 'nearest-weekday' && ![...months].some((each) => days.day <= longest(each))) {
    throw new FieldError(`its day never comes: no month of "${month}" has a day ${days.day}`);
  }
  return schedule;
}

function longest(month: number): number {
  return LONGEST_MONTHS[month - 1] ?? 0;
}

function dayOfMonthRule(text: string): DayRule {
  const field = FIELDS[2];
  const upper = text.toUpperCase();
  if (upper === 'L') return { of: 'last-day' };
  if (upper === 'LW') return { of: 'last-weekday' };
  const nearest = /^(\d{1,2})W$/.exec(upper)?.[1];
  if (nearest !== undefined) return { of: 'nearest-weekday', day: numberOf(nearest, text, field) };
  return { of: 'month', days: new Set(values(text, field)) };
}

function dayOfWeekRule(text: string): DayRule {
  const field = FIELDS[4];
  const upper = text.toUpperCase();
  // The last day of the week is Saturday.
  if (upper === 'L') return { of: 'week', days: new Set([7]) };
  const last = /^(\d|[A-Z]{3})L$/.exec(upper)?.[1];
  if (last !== undefined) return { of: 'last-of-week', weekday: numberOf(last, text, field) };
  const nth = /^(\d|[A-Z]{3})#([1-5])$/.exec(upper);
  if (nth !== null) return { of: 'nth', weekday: numberOf(nth[1] ?? '', text, field), nth: Number(nth[2]) };
  return { of: 'week', days: new Set(values(text, field)) };
}

/** The values that a field names, ascending: `*`, `5`, `1,31`, `9-17`, `0/15`, `8-18/2`, `MON-FRI`. */
function values(text: string, field: Field): readonly number[] {
  const { least, most } = field;
  if (text === '*') return range(least, most, 1);
  const found = new Set<number>();
  for (const item of text.split(',')) {
    const [, from, to, step] = /^(\*|[0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:\/(\d{1,4}))?$/.exec(item) ?? [];
    if (from === undefined || (from === '*' && (to !== undefined || step === undefined))) throw refused(text, field);
    const start = from === '*' ? least : numberOf(from, text, field);
    const end = to !== undefined ? numberOf(to, text, field) : step === undefined ? start : most;
    const by = Number(step ?? 1);
    if (by < 1 || by > most) {
      throw new FieldError(`the field for ${field.name} takes steps from 1 to ${most}, not "${text}"`);
    }
    if (start > end) {
      throw new FieldError(
        `the field for ${field.name} must not count down, as "${text}" does: write ${item.replace(/\/.*/, '')} as two ranges with a comma`,
      );
    }
    for (const value of range(start, end, by)) found.add(value);
  }
  return [...found].sort((a, b) => a - b);
}

function numberOf(word: string, text: string, field: Field): number {
  const named = (field.names as readonly string[]).indexOf(word.toUpperCase());
  const value = named >= 0 ? named + field.least : /^\d{1,4}$/.test(word) ? Number(word) : Number.NaN;
  if (!(value >= field.least && value <= field.most)) throw refused(text, field);
  return value;
}

function refused(text: string, { name, allowed }: Field): FieldError {
  return new FieldError(`the field for ${name} takes * or ${allowed}, not "${text}"`);
}

function range(from: number, to: number, by: number): readonly number[] {
  return Array.from({ length: Math.floor((to - from) / by) + 1 }, (_, index) => from + index * by);
}
