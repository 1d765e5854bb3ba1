// Makes HTML from templates in which every value is escaped, and the hash that a strict policy names.

import { createHash } from 'node:crypto';
import { raw, html as template } from 'hono/html';

/** HTML whose values are escaped. */
export type Markup = ReturnType<typeof raw>;

/** What a template may hold. Text is escaped; nothing is made of what is undefined. */
export type Content = string | number | undefined | Markup | readonly Content[];

/** A template. Attributes must stand in double quotes: their values are escaped too. */
export function html(strings: TemplateStringsArray, ...values: readonly Content[]): Markup {
  const markup = template(strings, ...values);
  if (markup instanceof Promise)
    throw new TypeError('a template of the page holds a promise, which cannot be rendered');
  return markup;
}

/** Text of our own that is HTML, CSS or a script already: never of what comes from outside. */
export function trusted(text: string): Markup {
  return raw(text);
}

/** `sha256-…`, as a content security policy names a style or a script. */
export function cspHash(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`;
}
