// Holds the recipes for pipelines and clusters to what GitHub and Kubernetes read, and to safe settings.

import { CronJob } from 'kubernetes-models/batch/v1/CronJob';
import { ConfigMap } from 'kubernetes-models/v1/ConfigMap';
import { ServiceAccount } from 'kubernetes-models/v1/ServiceAccount';
import { describe, expect, test } from 'vitest';
import { parseConfig } from '../../lambda/config/index.ts';
import packageJson from '../../package.json' with { type: 'json' };
import {
  configMap,
  cronJob,
  gitlabScript,
  manifests,
  stepsOf,
  textOf,
  WORKFLOWS,
  workflow,
  workflowParser,
} from './recipes.ts';

const { NoOperationTraceWriter, parseWorkflow } = await workflowParser();
const MODELS = { CronJob, ConfigMap, ServiceAccount };

/** What GitHub's own parser has against it. */
function errorsOf(name: string, content: string): readonly string[] {
  return parseWorkflow({ name, content }, new NoOperationTraceWriter()).context.errors.getErrors().map(String);
}

describe.each(WORKFLOWS)('%s', (path) => {
  test('is a workflow of GitHub Actions', () => {
    expect(errorsOf(path, textOf(path))).toEqual([]);
  });

  test('runs only actions of a commit, gets no right that it does not name, and ends', () => {
    const actions = [...textOf(path).matchAll(/uses: (.*)/g)].map(([, action]) => action);
    expect(actions.length).toBeGreaterThan(0);
    for (const action of actions) expect(action).toMatch(/^[\w-]+\/[\w/-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$/);
    expect(workflow(path).permissions).not.toContain('write');
    for (const job of Object.values(workflow(path).jobs)) expect(job['timeout-minutes']).toBeLessThanOrEqual(90);
  });

  test('puts no expression into a script, where its value would be read as commands', () => {
    const scripts = stepsOf(path).flatMap(({ run }) => run ?? []);
    expect(scripts.length).toBeGreaterThan(0);
    expect(scripts.filter((script) => script.includes('${{'))).toEqual([]);
  });
});

test('a workflow that is none is refused', () => {
  expect(errorsOf('x.yml', 'on: push\njobs:\n  a:\n    runs-on: x\n    step: []\n')).not.toEqual([]);
});

test('each recipe runs the version of this checkout', () => {
  const recipes = [...WORKFLOWS.filter((path) => path.startsWith('examples/')).map(textOf), gitlabScript()];
  expect(recipes).toHaveLength(3);
  for (const recipe of recipes) {
    const versions = [...recipe.matchAll(/npx --yes pg-tls-auditor@(\S+)/g)].map(([, version]) => version);
    expect(versions).toEqual([packageJson.version]);
  }
});

describe('the release', () => {
  const steps = Object.entries(workflow('.github/workflows/release.yml').jobs).flatMap(([job, { steps }]) =>
    steps.flatMap(({ run }) => (run === undefined ? [] : [{ job, run }])),
  );

  test('is published with provenance, after everything passed and the bytes were compared', () => {
    expect(workflow('.github/workflows/release.yml').jobs).toMatchObject({
      publish: { needs: 'check', environment: 'npm', permissions: { contents: 'write', 'id-token': 'write' } },
    });
    const at = (text: string): number => steps.findIndex(({ run }) => run.includes(text));
    expect(steps[at('npm publish')]?.run).toContain('--provenance');
    expect([at('.ci/run'), at('npm run build'), at('sha256sum'), at('npm publish')]).toEqual([0, 2, 3, 4]);
  });

  test('takes no token', () => {
    expect(textOf('.github/workflows/release.yml')).not.toMatch(/secrets\./);
  });
});

describe('the CronJob', () => {
  const { concurrencyPolicy, jobTemplate } = cronJob().spec;
  const pod = jobTemplate.spec.template.spec;

  test('and its other objects are what the API of Kubernetes takes', () => {
    const kinds = manifests().map((manifest) => {
      const Model = MODELS[manifest.kind as keyof typeof MODELS];
      new Model(manifest as never).validate();
      return manifest.kind;
    });
    expect(kinds).toEqual(['ServiceAccount', 'ConfigMap', 'CronJob']);
    const spoiled = { ...cronJob(), spec: { ...cronJob().spec, schedule: 7 } };
    expect(() => new CronJob(spoiled as never).validate()).toThrow(/schedule/);
  });

  test('runs one at a time, as an ordinary user, and writes nowhere', () => {
    expect(concurrencyPolicy).toBe('Forbid');
    expect(pod).toMatchObject({
      restartPolicy: 'Never',
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, runAsUser: 65532, seccompProfile: { type: 'RuntimeDefault' } },
    });
    expect(pod.containers).toHaveLength(1);
    expect(pod.containers[0]).toMatchObject({
      securityContext: {
        allowPrivilegeEscalation: false,
        readOnlyRootFilesystem: true,
        capabilities: { drop: ['ALL'] },
      },
      resources: { requests: expect.anything(), limits: { memory: expect.anything() } },
    });
  });

  test('has its secrets from files that only its group may read, and from no variable', () => {
    const { env = [], volumeMounts = [] } = pod.containers[0] ?? {};
    expect(env.map(({ name }) => name)).toEqual(['AWS_REGION']);
    expect(volumeMounts.every(({ readOnly }) => readOnly)).toBe(true);
    expect(pod.volumes).toContainEqual({
      name: 'secrets',
      secret: { secretName: 'pg-tls-auditor', defaultMode: 0o440 },
    });
    const mounted = volumeMounts.find(({ name }) => name === 'secrets')?.mountPath;
    const { targets } = parseConfig(JSON.parse(configMap()['auditor.config.json'] ?? ''), { use: 'command-line' });
    expect(targets.map(({ credentials }) => credentials)).toEqual([{ file: `${mounted}/orders` }]);
  });

  test('has an image of this version', () => {
    expect(textOf('examples/kubernetes/cronjob.yaml')).toContain(`/pg-tls-auditor:${packageJson.version}\n`);
  });
});

describe('the Dockerfile', () => {
  const lines = textOf('Dockerfile')
    .split('\n')
    .filter((line) => !line.startsWith('#'));

  test('makes an image of the packed package alone, for an ordinary user', () => {
    expect(lines.filter((line) => /^(RUN|COPY|ADD|USER)/.test(line))).toEqual([
      'ADD ${TARBALL} /opt/',
      'USER 65532:65532',
    ]);
    expect(textOf('.dockerignore').split('\n')).toEqual(expect.arrayContaining(['*', '!*.tgz']));
  });
});
