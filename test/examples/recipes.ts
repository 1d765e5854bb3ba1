// Reads the recipes: workflows, pipelines, manifests, and the commands in them.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { build } from 'esbuild';
import { parse, parseAllDocuments } from 'yaml';
import { ROOT } from '../../scripts/generated-files.ts';

export const WORKFLOWS = [
  ...readdirSync(join(ROOT, '.github/workflows')).map((name) => `.github/workflows/${name}`),
  ...readdirSync(join(ROOT, 'examples/ci')).flatMap((name) => (/^github-/.test(name) ? [`examples/ci/${name}`] : [])),
];

export interface Step {
  readonly id?: string;
  readonly name?: string;
  readonly uses?: string;
  readonly run?: string;
  readonly if?: string;
  readonly env?: Readonly<Record<string, string>>;
}

export interface Workflow {
  readonly permissions?: object;
  readonly jobs: Readonly<Record<string, { readonly 'timeout-minutes'?: number; readonly steps: readonly Step[] }>>;
}

export interface CronJob {
  readonly spec: {
    readonly concurrencyPolicy: string;
    readonly jobTemplate: { readonly spec: { readonly template: { readonly spec: Pod } } };
  };
}

interface Pod {
  readonly securityContext: object;
  readonly containers: readonly {
    readonly args: readonly string[];
    readonly env: readonly { readonly name: string; readonly value?: string }[];
    readonly resources: object;
    readonly securityContext: object;
    readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly: boolean }[];
  }[];
  readonly volumes: readonly { readonly name: string; readonly secret?: object; readonly configMap?: object }[];
}

export function textOf(path: string): string {
  return readFileSync(join(ROOT, path), 'utf8');
}

export function workflow(path: string): Workflow {
  return parse(textOf(path));
}

export function stepsOf(path: string): readonly Step[] {
  return Object.values(workflow(path).jobs).flatMap(({ steps }) => steps);
}

/** The step of that name. */
export function step(path: string, name: string): Step {
  const found = stepsOf(path).find((each) => each.name === name);
  if (found === undefined) throw new Error(`${path} has no step ${name}`);
  return found;
}

export function gitlabScript(): string {
  const { script } = parse(textOf('examples/ci/gitlab-ci.yml'))['pg-tls-audit'] as { script: readonly string[] };
  return script.join('\n');
}

export function manifests(): readonly { readonly kind: string }[] {
  return parseAllDocuments(textOf('examples/kubernetes/cronjob.yaml')).map((document) => document.toJS());
}

export function cronJob(): CronJob {
  return manifests().find(({ kind }) => kind === 'CronJob') as unknown as CronJob;
}

/** Files of the config map, by name. */
export function configMap(): Readonly<Record<string, string>> {
  const found = manifests().find(({ kind }) => kind === 'ConfigMap') as unknown as { data: Record<string, string> };
  return found.data;
}

/** GitHub's own parser of workflows. It imports JSON as bundlers allow it, and Node.js does not: so it is bundled. */
export async function workflowParser(): Promise<typeof import('@actions/workflow-parser')> {
  const { outputFiles } = await build({
    stdin: { contents: "export * from '@actions/workflow-parser';", resolveDir: ROOT },
    bundle: true,
    format: 'esm',
    write: false,
    logLevel: 'error',
  });
  return await import(`data:text/javascript;base64,${Buffer.from(outputFiles[0]?.contents ?? '').toString('base64')}`);
}
