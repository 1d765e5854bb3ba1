// JUnit XML has no standard, and no npm package carries a schema of it: this one is written from what Jenkins reads
// (https://github.com/jenkinsci/xunit-plugin, junit-10.xsd), strictly, and checks besides that the counts are those of
// the test cases. The XML is read by fast-xml-parser, which refuses what is not well-formed.

import { XMLParser, XMLValidator } from 'fast-xml-parser';
import * as z from 'zod';

const count = z.string().regex(/^\d+$/).transform(Number);
const seconds = z.string().regex(/^\d+(\.\d+)?$/);
const problem = z.strictObject({ '@message': z.string(), '@type': z.string().min(1), '#text': z.string() });
const counts = { '@tests': count, '@failures': count, '@errors': count, '@skipped': count };

const testCase = z
  .strictObject({
    '@name': z.string().min(1),
    '@classname': z.string().min(1),
    error: z.array(problem).optional(),
    failure: z.array(problem).optional(),
    skipped: z.array(z.strictObject({ '@message': z.string() })).optional(),
    'system-out': z.string().optional(),
  })
  .refine(({ error, failure, skipped }) => [error, failure, skipped].filter(Boolean).length <= 1, 'one result at most');

const testSuite = z.strictObject({
  '@name': z.string().min(1),
  '@id': z.string(),
  ...counts,
  '@time': seconds,
  '@timestamp': z.iso.datetime(),
  '@hostname': z.string().optional(),
  properties: z
    .strictObject({ property: z.array(z.strictObject({ '@name': z.string(), '@value': z.string() })) })
    .optional(),
  testcase: z.array(testCase),
});

const documentSchema = z.strictObject({
  '?xml': z.strictObject({ '@version': z.literal('1.0'), '@encoding': z.literal('UTF-8') }),
  testsuites: z
    .strictObject({ '@name': z.string(), ...counts, '@time': seconds, testsuite: z.array(testSuite) })
    .superRefine((suites, context) => {
      for (const [what, cases] of [
        ['testsuites', suites.testsuite.flatMap(({ testcase }) => testcase)] as const,
        ...suites.testsuite.map((suite) => [suite['@name'], suite.testcase] as const),
      ]) {
        const counted = suites.testsuite.find((suite) => suite['@name'] === what) ?? suites;
        const counts = [counted['@tests'], counted['@failures'], counted['@errors'], counted['@skipped']];
        const having = (kind: 'failure' | 'error' | 'skipped') => cases.filter((one) => one[kind] !== undefined).length;
        const real = [cases.length, having('failure'), having('error'), having('skipped')];
        if (String(counts) !== String(real))
          context.addIssue({ code: 'custom', message: `counts of ${what}: ${counts}` });
      }
    }),
});

export type JunitDocument = z.output<typeof documentSchema>;
export type JunitTestCase = z.output<typeof testCase>;

/** @throws where it is not well-formed, or no JUnit document */
export function readJunit(xml: string): JunitDocument {
  const valid = XMLValidator.validate(xml);
  if (valid !== true) throw new Error(`not well-formed: ${valid.err.msg} in line ${valid.err.line}`);
  // What XML 1.0 allows (section 2.2): parsers that hold to it refuse all of a document that has another character.
  const forbidden = /[^\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]/u.exec(xml);
  if (forbidden !== null)
    throw new Error(`character ${forbidden[0].codePointAt(0)?.toString(16)} at ${forbidden.index}`);
  const parser = new XMLParser({
    ignoreAttributes: false,
    attributeNamePrefix: '@',
    parseTagValue: false,
    parseAttributeValue: false,
    trimValues: false,
    isArray: (name) => ['testsuite', 'testcase', 'property', 'failure', 'error', 'skipped'].includes(name),
    tagValueProcessor: (_, value) => (value.trim() === '' ? '' : value),
  });
  return documentSchema.parse(parser.parse(xml));
}
