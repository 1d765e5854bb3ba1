// The direction of imports: config, targets, collect, checks, report, deliver; nothing points back.

import { readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { findCycle, type Import, importsOf, readImports } from '../lab/module-graph.ts';

const imports = readImports(['api', 'bin', 'lib', 'lambda', 'scripts', 'demo', 'bench', 'fuzz', 'lab', 'test']);
const { devDependencies } = JSON.parse(readFileSync(join(import.meta.dirname, '..', 'package.json'), 'utf8')) as {
  devDependencies: Readonly<Record<string, string>>;
};

interface Rule {
  readonly name: string;
  readonly from: RegExp;
  readonly forbids: (imported: Import) => boolean;
}

const ours = ({ kind }: Import): boolean => kind === 'ours';
const outside =
  (allowed: RegExp) =>
  (imported: Import): boolean =>
    ours(imported) && !allowed.test(imported.to);

const RULES: readonly Rule[] = [
  { name: 'the model imports nothing else of ours', from: /^lambda\/model\//, forbids: outside(/^lambda\/model\//) },
  {
    name: 'analysis knows the model only',
    from: /^lambda\/analysis\//,
    forbids: outside(/^lambda\/(model|analysis)\//),
  },
  {
    name: 'checks know the model and the analysis only',
    from: /^lambda\/checks\//,
    forbids: outside(/^lambda\/(model|analysis|checks)\//),
  },
  { name: 'reports know the model only', from: /^lambda\/report\//, forbids: outside(/^lambda\/(model|report)\//) },
  {
    name: 'the lifecycle knows the model only',
    from: /^lambda\/lifecycle\//,
    forbids: outside(/^lambda\/(model|lifecycle)\//),
  },
  {
    name: 'sources of targets know the model, the configuration and the credentials of AWS only',
    from: /^lambda\/targets\//,
    forbids: outside(/^lambda\/(model|config|aws|targets)\//),
  },
  {
    name: 'the credentials of AWS know the model only',
    from: /^lambda\/aws\//,
    forbids: outside(/^lambda\/(model|aws)\//),
  },
  { name: 'the environment contract knows nothing else of ours', from: /^lambda\/environment\.ts$/, forbids: ours },
  {
    name: 'what guards the process knows the model only',
    from: /^lambda\/runtime\//,
    forbids: outside(/^lambda\/(model|runtime)\//),
  },
  {
    name: 'collecting knows the model only, and what guards the process',
    from: /^lambda\/collect\/(?!connection-log\/)/,
    forbids: outside(/^lambda\/(runtime|model|aws|collect)\//),
  },
  {
    name: 'collecting connection logs knows besides how they are read',
    from: /^lambda\/collect\/connection-log\//,
    forbids: outside(/^lambda\/(runtime|model|aws|collect|analysis\/connection-log)\//),
  },
  {
    name: 'delivering knows the model, the lifecycle, reports and what guards the process only',
    from: /^lambda\/deliver\//,
    forbids: outside(/^lambda\/(runtime|model|lifecycle|report|deliver)\//),
  },
  {
    name: 'model, analysis, checks, lifecycle and reports touch no clock, network, environment, file or log',
    from: /^lambda\/(model|analysis|checks|lifecycle|report)\//,
    forbids: ({ to, kind, typeOnly }) =>
      (kind === 'node' && !['node:crypto', 'node:util'].includes(to)) ||
      (kind === 'package' && !typeOnly && !['zod', 'ipaddr.js', 'string-width', 'fast-xml-builder'].includes(to)),
  },
  {
    name: 'the function needs neither CDK nor the command line',
    from: /^lambda\//,
    forbids: ({ to }) => /^(lib\/|bin\/|aws-cdk-lib$|constructs$|commander$)/.test(to),
  },
  {
    name: 'the terminal table stays out of the function',
    from: /^lambda\//,
    forbids: ({ to }) => to === 'cli-table3',
  },
  {
    name: 'the XML builder stays out of the function',
    from: /^lambda\/(?!report\/exports\/(junit|index)\.ts)/,
    forbids: ({ to }) => to === 'fast-xml-builder' || to === 'lambda/report/exports/junit.ts',
  },
  {
    name: 'the registry of output formats, which reaches them all, stays out of the function',
    from: /^lambda\//,
    forbids: ({ to }) => to === 'lambda/report/exports/index.ts',
  },
  {
    name: 'the stack reads the configuration and the environment contract, and never runs the function',
    from: /^(lib\/|bin\/app\.ts$)/,
    forbids: ({ to, typeOnly }) =>
      to.startsWith('lambda/') && !typeOnly && !/^lambda\/(config\/|model\/|environment\.ts$)/.test(to),
  },
  {
    name: 'the command line needs no CDK',
    from: /^bin\/(?!app\.ts)/,
    forbids: ({ to }) => /^(lib\/|aws-cdk-lib$|constructs$)/.test(to),
  },
  {
    name: 'nothing that is shipped needs the lab, tests, the demo, benchmarks or the fuzzer',
    from: /^(api|bin|lib|lambda|scripts)\//,
    forbids: ({ to }) => /^(test|lab|demo|bench|fuzz)\//.test(to),
  },
  {
    name: 'nothing that is shipped needs a development dependency',
    from: /^(api|bin|lib|lambda)\//,
    forbids: ({ to, kind, typeOnly }) => kind === 'package' && !typeOnly && to in devDependencies,
  },
];

describe('imports', () => {
  test.each(RULES)('$name', ({ from, forbids }) => {
    const concerned = imports.filter((imported) => from.test(imported.from));
    expect(concerned, 'a rule about no module at all tests nothing').not.toEqual([]);
    expect(concerned.filter(forbids).map((imported) => `${imported.from} imports ${imported.to}`)).toEqual([]);
  });

  test('go round in no circle, of types either', () => {
    expect(findCycle(imports)).toBeUndefined();
  });

  test('go from folder to folder in one direction', () => {
    const between = imports
      .filter(ours)
      .map((imported) => ({ ...imported, from: dirname(imported.from), to: dirname(imported.to) }))
      .filter(({ from, to }) => from !== to);
    expect(findCycle(between)).toBeUndefined();
  });

  test('are found in every form, with type imports marked', () => {
    const source = `
      import { a } from './a.ts';
      import type { B } from './b.ts';
      import { type C } from '../c.ts';
      export { d } from './d.ts';
      import 'reflect-metadata';
      import { send } from '@aws-sdk/client-sns/dist';
      import { dirname, join } from 'node:path';
      const e = await import('./e.ts');`;
    const found = importsOf('lambda/x/y.ts', source).map(({ to, kind, typeOnly }) => [to, kind, typeOnly]);
    expect(found.toSorted()).toEqual([
      ['@aws-sdk/client-sns', 'package', false],
      ['lambda/c.ts', 'ours', true],
      ['lambda/x/a.ts', 'ours', false],
      ['lambda/x/b.ts', 'ours', true],
      ['lambda/x/d.ts', 'ours', false],
      ['lambda/x/e.ts', 'ours', false],
      ['node:path', 'node', false],
      ['reflect-metadata', 'package', false],
    ]);
  });

  test('that form a cycle are shown as the path that closes it', () => {
    const edge = (from: string, to: string): Import => ({ from, to, kind: 'ours', typeOnly: false });
    expect(findCycle([edge('a', 'b'), edge('b', 'c'), edge('c', 'b')])).toEqual(['b', 'c', 'b']);
    expect(findCycle([edge('a', 'b'), edge('a', 'c'), edge('b', 'c')])).toBeUndefined();
  });
});
