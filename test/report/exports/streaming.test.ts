// Formats are written part by part, and every byte is the one that the whole document at once would have.

import fc from 'fast-check';
import Builder from 'fast-xml-builder';
import { XMLParser } from 'fast-xml-parser';
import { describe, expect, test } from 'vitest';
import { asffFindings, renderAsff } from '../../../lambda/report/exports/asff.ts';
import { chunksOf, wholeText } from '../../../lambda/report/exports/chunks.ts';
import { exporter as json } from '../../../lambda/report/exports/json.ts';
import {
  compactJson,
  jsonDocument,
  jsonList,
  jsonListOf,
  jsonObject,
} from '../../../lambda/report/exports/json-text.ts';
import { renderJunit } from '../../../lambda/report/exports/junit.ts';
import { ocsfEvents, renderOcsf } from '../../../lambda/report/exports/ocsf.ts';
import { renderSarif, sarifLog } from '../../../lambda/report/exports/sarif.ts';
import type { Report } from '../../../lambda/report/schema.ts';
import { badNight, finding, healthyReport, healthyTarget } from '../builders.ts';
import { HOSTILE_NAMES } from '../hostile.ts';
import { CONTEXT, eventfulReport, outcomes } from './outcomes.ts';

const AWS = { ...CONTEXT, aws: { account: '123456789012', region: 'eu-west-1', partition: 'aws' } };

/** More findings than one part holds, with every name that may harm a format. */
function hostileReport(): Report {
  const findings = HOSTILE_NAMES.flatMap(([, name]) =>
    Array.from({ length: 12 }, (_, index) =>
      finding({ role: name, application: `${index} ${name}`, title: name, remedy: `${name}\n  SELECT ${index};` }),
    ),
  );
  const checks = outcomes({ id: 'plaintext-session', status: 'fail' });
  return healthyReport({ targets: [healthyTarget({ verdict: 'findings', checks })], findings });
}

const REPORTS: readonly (readonly [string, Report])[] = [
  ['a run of every kind', eventfulReport()],
  ['a bad night', badNight()],
  ['no target', healthyReport({ targets: [] })],
  ['hostile names', hostileReport()],
];

describe('JSON in parts', () => {
  test('is what JSON.stringify gives for the whole', () => {
    const list = fc.array(fc.jsonValue(), { maxLength: 120 });
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.option(fc.jsonValue(), { nil: undefined })), list, (object, items) => {
        const whole = { ...object, within: [{ items }], last: items };
        const written = {
          ...object,
          within: jsonListOf(jsonObject({ items: jsonList(items) })),
          last: jsonList(items),
        };
        expect(wholeText(jsonDocument(jsonObject(written)))).toBe(`${JSON.stringify(whole, null, 2)}\n`);
      }),
      { numRuns: 60 },
    );
  });

  test('without indents is what JSON.stringify gives for the whole, too', () => {
    fc.assert(
      fc.property(
        fc.dictionary(fc.string(), fc.jsonValue()),
        fc.array(fc.jsonValue(), { maxLength: 120 }),
        (rest, items) => {
          const whole = { ...rest, items };
          expect(wholeText(compactJson(whole))).toBe(JSON.stringify(whole));
        },
      ),
      { numRuns: 60 },
    );
    expect(wholeText(compactJson({}))).toBe('{}');
  });

  test.each(REPORTS)('of each format has the same documents: %s', (_, report) => {
    expect(wholeText(json.render(report, CONTEXT))).toBe(`${JSON.stringify(report, null, 2)}\n`);
    expect(wholeText(renderAsff(report, AWS))).toBe(`${JSON.stringify(asffFindings(report, AWS), null, 2)}\n`);
    expect(wholeText(renderSarif(report, CONTEXT))).toBe(`${JSON.stringify(sarifLog(report, CONTEXT), null, 2)}\n`);
    const events = ocsfEvents(report, CONTEXT).map((event) => JSON.stringify(event));
    expect(wholeText(renderOcsf(report, CONTEXT))).toBe(events.length === 0 ? '[]\n' : `[\n${events.join(',\n')}\n]\n`);
  });

  test('makes an item when the one before it is written, and no sooner', () => {
    let made = 0;
    function* items(): Generator<number> {
      for (; made < 10_000; made += 1) yield made;
    }
    const parts = jsonDocument(jsonList(items()));
    parts.next();
    expect(made).toBeLessThan(100);
  });
});

test.each(REPORTS)('JUnit suite by suite is what the builder makes of the whole: %s', (_, report) => {
  const options = { ignoreAttributes: false, preserveOrder: true, parseTagValue: false, trimValues: false } as const;
  const text = wholeText(renderJunit(report, CONTEXT));
  const parsed: unknown = new XMLParser({ ...options, processEntities: false }).parse(text);
  const again = new Builder({ ...options, suppressEmptyNode: true, processEntities: false }).build(parsed);
  const withoutIndents = (xml: string): string => xml.replaceAll(/>\n *(?=<)/g, '>').trim();
  expect(withoutIndents(again)).toBe(withoutIndents(text));
  expect(text).toMatch(/^<\?xml .*\?>\n<testsuites [^<]*>\n {2}<testsuite [\s\S]*\n<\/testsuites>\n$/);
  expect(text.match(/^ {2}<testsuite /gm)).toHaveLength(Math.max(1, report.targets.length));
});

test('chunks are the text, each worth a write', () => {
  const parts = Array.from({ length: 5_000 }, (_, index) => `${index}:${'x'.repeat(index % 90)}\n`);
  const chunks = [...chunksOf(parts)];
  expect(chunks.join('')).toBe(parts.join(''));
  expect(chunks.length).toBeLessThan(10);
  expect([...chunksOf('a text')]).toEqual(['a text']);
  expect([...chunksOf([])]).toEqual([]);
});

test('a description is cut where it was before: at the last character that leaves room for the ellipsis', () => {
  const rationale = 'x'.repeat(2_000);
  const catalogue = CONTEXT.catalogue.map((check) => ({ ...check, rationale }));
  const [plain, accented] = asffFindings(
    healthyReport({ findings: [finding(), finding({ application: 'é'.repeat(40) })] }),
    { ...AWS, catalogue },
  );
  for (const one of [plain, accented]) {
    expect(Buffer.byteLength(one?.Description ?? '')).toBe(1_024);
    expect(one?.Description).toMatch(/x…$/);
  }
});
