// Renders the index of the pages in the evidence bucket: a link to the newest one, and to the runs of each day.

import { DAY_MS } from '../../model/time.ts';
import { dayPrefix, objectLink, prefixLink } from '../page-link.ts';
import { renderDocument, section } from './document.ts';
import { html, type Markup } from './markup.ts';

/** What the index lists: more is in the bucket for as long as it keeps reports. */
const DAYS = 90;

export interface IndexPlace {
  readonly bucket: string;
  /** Undefined where it is not known: then there are names and no links. */
  readonly region: string | undefined;
  /** Key of the newest page. */
  readonly latest: string;
}

/** The function may list nothing: the console shows the runs of a day. @param startedAt - Of the newest run. */
export function renderDayIndex(startedAt: string, { bucket, region, latest }: IndexPlace): string {
  const link = (name: string, to: (place: { bucket: string; region: string }) => string): Markup =>
    region === undefined ? html`${name}` : html`<a href="${to({ bucket, region })}">${name}</a>`;
  const last = Math.floor(Date.parse(startedAt) / DAY_MS);
  const days = Array.from({ length: DAYS }, (_, index) => new Date((last - index) * DAY_MS).toISOString().slice(0, 10));
  return renderDocument({
    title: 'PostgreSQL TLS audits by day',
    about: `The last ${DAYS} days. A link opens the S3 console, which asks for a login; a day without a run is empty there.`,
    body: [
      section('latest', 'Newest run', html`<p>${link(latest, (place) => objectLink(place, latest))}</p>`),
      section(
        'days',
        'Runs by day',
        html`<ul>${days.map((day) => html`<li>${link(day, (place) => prefixLink(place, dayPrefix(day)))}</li>`)}</ul>`,
      ),
    ],
    footer: html`<p>Each run has its report as JSON, which is the evidence, and its page as HTML.</p>`,
  });
}
