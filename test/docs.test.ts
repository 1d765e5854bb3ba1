// Holds the documentation to the code: links, configurations, commands, SQL, rights, metrics and costs.

import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { Metrics } from '@aws-lambda-powertools/metrics';
import * as dynamodb from '@aws-sdk/client-dynamodb';
import * as s3 from '@aws-sdk/client-s3';
import * as secretsmanager from '@aws-sdk/client-secrets-manager';
import { describe, expect, test, vi } from 'vitest';
import { auditEpilogue } from '../bin/command-line/grammar/help.ts';
import { createProgram } from '../bin/command-line/grammar/program.ts';
import { CHECKS } from '../lambda/checks/registry.ts';
import { serverQuery } from '../lambda/collect/postgres/server-query.ts';
import { parseConfig } from '../lambda/config/index.ts';
import { recordRun } from '../lambda/deliver/metrics.ts';
import { parseEvent } from '../lambda/event.ts';
import { checkPageUrl } from '../lambda/model/check-page.ts';
import { asffFindings, awsPlace } from '../lambda/report/exports/asff.ts';
import { sarifLog } from '../lambda/report/exports/sarif.ts';
import packageJson from '../package.json' with { type: 'json' };
import { ROOT } from '../scripts/generated-files.ts';
import { commandsOf, type Page, readPage, readPages } from './docs/pages.ts';
import { functionStatements, synthesize } from './lib/synthesis.ts';
import { finding, fullySeenReport, healthyReport } from './report/builders.ts';

const PAGES = readPages();
const page = (path: string): Page => {
  const found = PAGES.find((each) => each.path === path);
  if (found === undefined) throw new Error(`there is no page ${path}`);
  return found;
};
/** What the pages say now: the changelog also speaks of what was. */
const PRESENT = PAGES.filter(({ path }) => path !== 'CHANGELOG.md');
const isPage = (path: string): boolean => path.endsWith('.md');

/** The file that a relative link leads to, and the heading in it. */
function destination(from: Page, link: string): { readonly file: string; readonly anchor: string | undefined } {
  const [path = '', anchor] = link.split('#');
  return { file: path === '' ? from.path : normalize(join(dirname(from.path), path)), anchor };
}

const isOutside = (link: string): boolean => /^[a-z]+:/.test(link);

describe('links', () => {
  test.each(PAGES.map((each) => [each.path, each] as const))('of %s lead somewhere', (_path, from) => {
    const broken = from.links.filter((link) => {
      if (isOutside(link)) return !link.startsWith('https://');
      const { file, anchor } = destination(from, link);
      if (!existsSync(join(ROOT, file))) return true;
      return anchor !== undefined && isPage(file) && !page(file).anchors.has(anchor);
    });
    expect(broken).toEqual([]);
  });

  test('lead from the index to every page', () => {
    const reached = new Set<string>();
    const visit = (path: string): void => {
      if (reached.has(path)) return;
      reached.add(path);
      for (const link of page(path).links.filter((each) => !isOutside(each))) {
        const { file } = destination(page(path), link);
        if (isPage(file)) visit(file);
      }
    };
    visit('docs/README.md');
    expect(PAGES.map(({ path }) => path).filter((path) => !reached.has(path))).toEqual([]);
  });

  test('to a heading with code, to one with punctuation and to a repeated one are understood', () => {
    const { anchors } = readPage('x.md', '# `deployment.vpc`\n\n## 5. The deployment\n\n## More\n\n## More\n');
    expect([...anchors]).toEqual(['deploymentvpc', '5-the-deployment', 'more', 'more-1']);
  });

  test('files that the text names exist', () => {
    const named = PRESENT.flatMap(({ path, codeSpans }) =>
      codeSpans.filter((span) => /^[\w.-]+(\/[\w.-]+)+\.(ts|json|md|mjs|yml)$/.test(span)).map((span) => [path, span]),
    );
    expect(named.length).toBeGreaterThan(10);
    // What begins with the package's name is of the package.
    const ours = named.filter(([, span = '']) => !span.startsWith(`${packageJson.name}/`));
    expect(ours.filter(([, span = '']) => !existsSync(join(ROOT, span)))).toEqual([]);
  });
});

describe('the README', () => {
  test('has at most 150 lines', () => {
    expect(page('README.md').text.trimEnd().split('\n').length).toBeLessThanOrEqual(150);
  });

  test('shows at most 25 lines of the demo', () => {
    const [, demo = ''] =
      /<!-- demo -->\n\n```text\n([\s\S]*?)```\n\n<!-- \/demo -->/.exec(page('README.md').text) ?? [];
    const { length } = demo.trimEnd().split('\n');
    expect(length).toBeGreaterThan(5);
    expect(length).toBeLessThanOrEqual(25);
  });

  test('has the commands that a newcomer types first', () => {
    const commands = page('README.md').blocks.map(({ text }) => text);
    expect(commands).toEqual(expect.arrayContaining(['npm ci && npm test', 'npm ci && npm run demo']));
  });
});

test('lines of prose have at most 120 columns', () => {
  // Generated pages have a paragraph a line.
  const written = PAGES.filter(({ path }) => !/^docs\/checks\/[a-z]/.test(path));
  const long = written.flatMap(({ path, text }) =>
    text
      .replaceAll(/^( *)```[\s\S]*?^\1```$/gm, '')
      .replaceAll(/^## Adding [\s\S]*?(?=^## )/gm, '')
      .split('\n')
      .filter((line) => !line.startsWith('|') && [...line].length > 120)
      .map((line) => `${path}: ${line}`),
  );
  expect(long).toEqual([]);
});

const BLOCKS = PRESENT.flatMap(({ path, blocks }) => blocks.map((block) => ({ path, ...block })));

test('the architecture describes every folder of the function, and everything at the top that has code', () => {
  const { codeSpans } = page('docs/architecture.md');
  const folders = (path: string): readonly string[] =>
    readdirSync(join(ROOT, path), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !/^(\.|node_modules$|cdk\.out$|dist$|coverage$)/.test(entry.name))
      .map(({ name }) => (path === '' ? `${name}/` : `${path}/${name}/`));
  const expected = [...folders('lambda'), ...folders('')].filter(
    (folder) => !/^(lambda|docs|examples)\/$/.test(folder),
  );
  expect(expected.filter((folder) => !codeSpans.includes(folder))).toEqual([]);
});

describe('configurations and events', () => {
  const TARGETS = [{ name: 'orders', secret: 'prod/orders', labels: { team: 'shop' } }];
  const use = 'command-line';
  const READERS: Readonly<Record<string, (document: unknown) => unknown>> = {
    'json config': (document) => parseConfig(document, { use: 'deployment' }),
    'json target': (document) => parseConfig({ targets: [document] }, { use }),
    'json mutes': (document) => parseConfig({ targets: TARGETS, mutes: document }, { use }),
    'json event': (document) => parseEvent(document),
  };

  test.each(BLOCKS.filter(({ language }) => language.startsWith('json')))('$path, $language: $text', (block) => {
    const read = READERS[block.language];
    expect(read, `say what this JSON is: ${Object.keys(READERS).join(', ')}`).toBeDefined();
    expect(() => read?.(JSON.parse(block.text))).not.toThrow();
  });

  test.each(['auditor.config.example.json', 'examples/mixed-fleet.json'])('%s can be deployed', (path) => {
    const document: { readonly $schema: string } = JSON.parse(readFileSync(join(ROOT, path), 'utf8'));
    expect(() => synthesize(document).template).not.toThrow();
    expect(existsSync(join(ROOT, dirname(path), document.$schema))).toBe(true);
  });

  test('the mixed fleet has what its description promises', () => {
    const { schedule, targets, alerts, deployment, mutes } = parseConfig(
      JSON.parse(readFileSync(join(ROOT, 'examples/mixed-fleet.json'), 'utf8')),
      { use: 'deployment' },
    );
    expect(schedule).toMatch(/^cron\(/);
    expect(targets.map(({ kind }) => kind)).toContain('pgbouncer');
    expect(targets.map(({ ca }) => ca)).toEqual(
      expect.arrayContaining([['system'], [{ secret: 'shared/own-ca' }], [{ secret: 'shared/rds-ca-eu-west-1' }]]),
    );
    expect([alerts.routes.length, mutes.length, deployment.vpc]).toEqual([1, 1, expect.anything()]);
  });
});

/** @throws CommanderError for what the command line does not understand */
function parseCommandLine(argv: readonly string[]): void {
  const noop = async (): Promise<void> => undefined;
  const explain = async (id: string): Promise<void> => {
    if (!CHECKS.some((check) => check.id === id)) throw new Error(`explain ${id}: there is no such check`);
  };
  const program = createProgram(argv, {
    audit: noop,
    discover: noop,
    checks: noop,
    explain,
    mute: noop,
    history: noop,
    logs: noop,
    plan: noop,
  });
  if (argv.includes('--help') || argv.includes('--version')) {
    const [name] = argv.filter((argument) => !argument.startsWith('-'));
    expect(name === undefined || program.commands.some((command) => command.name() === name)).toBe(true);
    return;
  }
  program.parse(argv, { from: 'user' });
}

const AWS_CLIENTS: Readonly<Record<string, object>> = { dynamodb, s3api: s3, secretsmanager };

/** What must hold of a command, by its program. A program that is not here is not known to work. */
const PROGRAMS: Readonly<Record<string, (args: readonly string[]) => void>> = {
  npm: ([subcommand, ...args]) => {
    if (subcommand === 'run') {
      const [script = '', ...rest] = args.filter((argument) => argument !== '--silent' && argument !== '-s');
      expect(Object.keys(packageJson.scripts)).toContain(script);
      const [dashes, ...given] = rest;
      if (dashes !== undefined) expect(dashes).toBe('--');
      if (packageJson.scripts[script as keyof typeof packageJson.scripts].includes('bin/pg-tls-auditor.ts')) {
        parseCommandLine([script, ...given]);
      }
    } else expect(['ci', 'test', 'install', 'pack']).toContain(subcommand);
  },
  'pg-tls-auditor': parseCommandLine,
  npx: ([name, ...args]) => {
    if (name === 'pg-tls-auditor') parseCommandLine(args);
    else if (name === 'cdk') expect(['synth', 'deploy', 'destroy', 'gc']).toContain(args[0]);
    else if (name === 'vitest') expect([args[0], existsSync(join(ROOT, args[1] ?? ''))]).toEqual(['run', true]);
    else if (name === 'node') expect(statSync(join(ROOT, args[0] ?? '')).isFile()).toBe(true);
    else throw new Error(`npx ${name}: it is not known whether this works`);
  },
  aws: ([service = '', operation = '']) => {
    const client = AWS_CLIENTS[service];
    if (client === undefined)
      expect(['lambda', 'logs', 'cloudformation', 'rds', 's3', 'stepfunctions']).toContain(service);
    else {
      const name = operation.replaceAll(/(?:^|-)([a-z])/g, (_match, letter: string) => letter.toUpperCase());
      expect(Object.keys(client)).toContain(`${name}Command`);
    }
  },
  docker: ([operation]) => expect(['build', 'push', 'run']).toContain(operation),
  kubectl: ([operation]) => expect(['apply', 'create']).toContain(operation),
  git: (args) => expect(args).toEqual(['push', '--follow-tags']),
  tar: (args) => expect(args).toEqual(['-xzf', `pg-tls-auditor-${packageJson.version}.tgz`]),
  curl: (args) => expect(args.some((argument) => argument.startsWith('https://'))).toBe(true),
  read: () => undefined,
  export: () => undefined,
};

describe('commands', () => {
  const inBlocks = BLOCKS.filter(({ language }) => language === 'sh').flatMap(({ path, text }) =>
    commandsOf(text).map((words) => ({ path, words })),
  );
  const inText = PRESENT.flatMap(({ path, codeSpans }) =>
    codeSpans
      .filter((span) => /^(npm (run|ci|test)|npx (pg-tls-auditor|cdk|vitest|node)) /.test(span) && !span.includes('…'))
      .flatMap((span) => commandsOf(span).map((words) => ({ path, words }))),
  );
  const all = [...inBlocks, ...inText].map(({ path, words }) => ({ path, command: words.join(' '), words }));

  test.each(all)('$path: $command', ({ words }) => {
    const [program = '', ...args] = words.filter((word) => !/^[A-Z_]+=/.test(word));
    expect(Object.keys(PROGRAMS)).toContain(program);
    // Commander explains what it refuses on standard error.
    const silenced = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      // What a shell redirects is no argument.
      const redirection = args.indexOf('>');
      PROGRAMS[program]?.(redirection < 0 ? args : args.slice(0, redirection));
    } finally {
      silenced.mockRestore();
    }
  });

  test('are taken apart as a shell does it', () => {
    expect(commandsOf('A=1 x --y \'a b\' \\\n  "$(hostname -f)" c#d # why\nread -r && y <Name>')).toEqual([
      ['A=1', 'x', '--y', 'a b', '$(hostname -f)', 'c#d'],
      ['read', '-r'],
      ['y', '<Name>'],
    ]);
  });

  test('that the command line does not know are refused', () => {
    const silenced = vi.spyOn(process.stderr, 'write').mockReturnValue(true);
    expect(() => PROGRAMS.npx?.(['pg-tls-auditor', 'audit', '--insecure'])).toThrow();
    expect(() => PROGRAMS.npm?.(['run', 'no-such-script'])).toThrow();
    expect(() => PROGRAMS.aws?.(['dynamodb', 'drop-table'])).toThrow();
    silenced.mockRestore();
  });
});

describe('SQL', () => {
  const ofHelp = auditEpilogue(1_000, (text) => text)
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => /^(CREATE|GRANT) /.test(line));
  const roles = BLOCKS.filter(({ language, text }) => language === 'sql' && /CREATE ROLE .* PASSWORD/.test(text));

  test.each(roles)("$path: the role's statements are those of --help", ({ text }) => {
    expect(text.split('\n')).toEqual(ofHelp);
  });

  test('the README and the permissions show them', () => {
    expect(roles.map(({ path }) => path)).toEqual(expect.arrayContaining(['README.md', 'docs/permissions.md']));
    expect(ofHelp).toHaveLength(3);
  });

  test("the wire probe's grants are what the query asks for", () => {
    const [block] = page('docs/wire-probe.md').blocks.filter(({ language }) => language === 'sql');
    const asked = serverQuery.selects(18).join();
    for (const [, right = ''] of block?.text.matchAll(/GRANT (?:EXECUTE ON FUNCTION )?(.+) TO tls_auditor;/g) ?? []) {
      expect(asked).toContain(right);
    }
    expect(block?.text.split('\n')).toHaveLength(2);
  });
});

describe('AWS', () => {
  const RULE = { rds: { regions: ['eu-west-1'] }, credentials: { secretTag: 'pg-tls-auditor:secret' } };
  const everything = synthesize({
    alerts: { email: ['dba@example.com'], slack: [{ workspaceId: 'T0123ABCD', channelId: 'C0123ABCD' }] },
    deployment: {
      securityHub: true,
      pageLink: 'presigned',
      secretKmsKeyArns: ['arn:aws:kms:eu-west-1:123456789012:key/0a1b2c3d'],
      vpc: {
        vpcId: 'vpc-0123456789abcdef0',
        subnetIds: ['subnet-0123456789abcdef0'],
        availabilityZones: ['eu-west-1a'],
      },
    },
    defaults: { logs: { logGroup: '/aws/rds/instance/orders/postgresql' } },
    discovery: [RULE, { ...RULE, rds: { ...RULE.rds, accounts: [{ roleArn: 'arn:aws:iam::111122223333:role/r' }] } }],
  }).template;
  const outside = ['s3://config/audit.json', 'ssm:/audit/config'].map(
    (configLocation) => synthesize({}, () => ({ configLocation })).template,
  );

  test("permissions: the function's actions are those of its role, each and no others", () => {
    const { text } = page('docs/permissions.md');
    const section = text.slice(text.indexOf('## The function'), text.indexOf('A table or bucket of yours'));
    const shown = new Set([...section.matchAll(/`([a-z0-9]+:[A-Z]\w*\*?)`/g)].map(([, action]) => action));
    const granted = new Set(
      [everything, ...outside].flatMap(functionStatements).flatMap(({ Action }) => [Action].flat()),
    );
    expect([...shown].sort()).toEqual([...granted].sort());
  });

  test('deployment: the alarms are those that are deployed', () => {
    const deployed = Object.keys(everything.findResources('AWS::CloudWatch::Alarm'));
    const { text } = page('docs/deployment.md');
    const section = text.slice(text.indexOf('| Alarm |'), text.indexOf('Each rings once'));
    const shown = [...section.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
    expect(shown).toHaveLength(deployed.length);
    for (const name of shown) expect(deployed.filter((id) => id.includes(`Alarms${name}`))).toHaveLength(1);
  });

  test('deployment: the metrics are those that a run writes, and the costs count them', () => {
    const metrics = new Metrics({ namespace: 'x', serviceName: 'x' });
    const written = vi.spyOn(metrics, 'addMetric');
    const silenced = vi.spyOn(metrics, 'publishStoredMetrics').mockImplementation(() => metrics);
    recordRun(metrics, { report: fullySeenReport(), coversAllTargets: true, completed: true, withoutSubscriber: 0 });
    silenced.mockRestore();
    const names = written.mock.calls.map(([name]) => name);
    const { text } = page('docs/deployment.md');
    const shown = text.slice(text.indexOf('Metrics in the namespace')).match(/`[A-Z][A-Za-z]+`/g) ?? [];
    expect(
      shown
        .map((name) => name.slice(1, -1))
        .filter((name) => name !== 'PgTlsAuditor')
        .sort(),
    ).toEqual(names.sort());
    const alarms = Object.keys(everything.findResources('AWS::CloudWatch::Alarm')).length;
    expect(page('docs/costs.md').text).toContain(
      `${names.length} metrics $${(names.length * 0.3).toFixed(2)}, ${alarms} alarms $${(alarms * 0.1).toFixed(2)}`,
    );
  });

  test('costs: each sum is that of its column', () => {
    const { text } = page('docs/costs.md');
    const rows = text
      .slice(text.indexOf('| Fixed:'), text.indexOf('| Besides'))
      .trim()
      .split('\n')
      .map((row) =>
        row
          .split('|')
          .slice(2, -1)
          .map((cell) => Number(cell.replaceAll(/[^\d.]/g, ''))),
      );
    const sums = rows.pop() ?? [];
    expect(sums).toHaveLength(4);
    expect(
      rows.reduce((sum, row) => sum.map((value, column) => value + (row[column] ?? Number.NaN)), [0, 0, 0, 0]),
    ).toEqual(sums.map((sum) => expect.closeTo(sum, 5)));
  });

  test('removal: what the stack keeps is on the page', () => {
    const kept = Object.values(
      everything.toJSON().Resources as Record<string, { Type: string; DeletionPolicy?: string }>,
    )
      .filter(({ DeletionPolicy }) => DeletionPolicy !== undefined && DeletionPolicy !== 'Delete')
      .map(({ Type }) => Type);
    expect(kept.sort()).toEqual(['AWS::DynamoDB::Table', 'AWS::Logs::LogGroup', 'AWS::S3::Bucket']);
    const { text } = page('docs/removal.md');
    for (const thing of ['state table', 'log group', 'evidence bucket']) expect(text).toContain(`| the ${thing} |`);
  });
});

describe("a check's page", () => {
  const files = 'https://example.com/blob/main/';
  const check = {
    id: 'plaintext-session',
    title: 'x',
    subject: 'session',
    severity: 'high',
    rationale: 'x',
    remedy: 'x',
    requirements: [],
  } as const;
  const context = (url?: string) => ({
    catalogue: [{ ...check, references: ['https://example.com/rule'], page: url }],
    toolVersion: '1.0.0',
  });
  const report = healthyReport({ findings: [finding({ check: check.id })] });

  test('is what SARIF and ASFF link to, where the project has an address', () => {
    const url = checkPageUrl(check.id, files);
    expect(url).toBe(`${files}docs/checks/plaintext-session.md`);
    const aws = awsPlace('123456789012', 'eu-west-1');
    const links = (pageUrl?: string) => [
      sarifLog(report, context(pageUrl)).runs[0]?.tool.driver.rules?.[0]?.helpUri,
      asffFindings(report, { ...context(pageUrl), aws })[0]?.Remediation.Recommendation.Url,
    ];
    expect(links(url)).toEqual([url, url]);
    expect(links()).toEqual(['https://example.com/rule', 'https://example.com/rule']);
  });

  test('is there for every check, and for no other', () => {
    const pages = PAGES.map(({ path }) => path).filter((path) => /^docs\/checks\/[a-z]/.test(path));
    expect(pages.sort()).toEqual(CHECKS.map(({ id }) => `docs/checks/${id}.md`).sort());
  });
});
