// Bundles the functions from their sources: what every run needs, and the optional parts each in files of its own.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { buildSync, type Metafile, transformSync } from 'esbuild';
import type { FunctionEntry, HandlerScripts } from './handler-scripts.ts';

const ROOT = join(import.meta.dirname, '..');

/**
 * Lambda gives a function its credentials in the environment, which is the first source that the SDK tries. The sources
 * of other machines (files of a person, metadata of EC2 and ECS) are a tenth of the bundle.
 */
const UNUSED_CREDENTIAL_PROVIDERS = [
  ...['sso', 'ini', 'process', 'web-identity', 'http'].map((source) => `@aws-sdk/credential-provider-${source}`),
  '@smithy/credential-provider-imds',
];

/**
 * Imports that are never reached: pg's of its native client, of ~/.pgpass and of Cloudflare's sockets; the SDK's of a
 * parser of browsers' names.
 */
const NEVER_REACHED = ['pg-native', 'pgpass', 'pg-cloudflare', 'bowser'];

/**
 * The signer of IAM tokens asks this package for the chain of providers that every client has, and the package brings
 * every other provider too, 80 kB.
 */
const CREDENTIAL_PROVIDERS = '@aws-sdk/credential-providers';
const CREDENTIAL_CHAIN = join('dist-es', 'fromNodeProviderChain.js');

function credentialChain(): string {
  const ofRoot = createRequire(join(ROOT, 'package.json'));
  const entry = createRequire(ofRoot.resolve('@aws-sdk/rds-signer')).resolve(CREDENTIAL_PROVIDERS);
  return join(dirname(dirname(entry)), CREDENTIAL_CHAIN);
}

/** The module of each function, by the name of its script. */
const ENTRIES = {
  index: 'lambda/handler.ts',
  plan: 'lambda/fleet/plan-handler.ts',
  worker: 'lambda/fleet/worker-handler.ts',
  repair: 'lambda/fleet/repair-handler.ts',
  digest: 'lambda/fleet/digest-handler.ts',
  relay: 'lambda/fleet/relay-handler.ts',
} as const satisfies Readonly<Record<FunctionEntry, string>>;

/** What a CommonJS file calls these. */
const FILE_NAMES = {
  'import.meta.dirname': '__dirname',
  'import.meta.filename': '__filename',
  'import.meta.url': 'importMetaUrl',
};
const BANNER = "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;";

/** The scripts, and how they and their sources import each other. */
interface Bundle {
  /** By their names. */
  readonly scripts: ReadonlyMap<string, { readonly code: string; readonly map: string }>;
  readonly metafile: Metafile;
}

/**
 * All that an audit and its notifications need, AWS SDK included: Lambda runs the code that the tests ran, whatever SDK
 * version the runtime has. esbuild splits only ESM, and from the ESM sources of packages it drops unused code; CommonJS
 * loads about 8 ms (15 %) faster with pg inside. So ESM files are made first, and each is then turned into CommonJS.
 *
 * @param folder - Where the scripts will be, to which their maps name the sources.
 */
export function bundleHandler(folder: string, leftOut: readonly string[], entries: readonly FunctionEntry[]): Bundle {
  const { outputFiles, metafile } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(entries.map((entry) => [entry, join(ROOT, ENTRIES[entry])])),
    // CDK may name it relative to where it runs.
    outdir: resolve(folder),
    write: false,
    metafile: true,
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node24',
    mainFields: ['module', 'main'],
    minify: true,
    sourcemap: 'inline',
    sourcesContent: false,
    alias: { [CREDENTIAL_PROVIDERS]: credentialChain() },
    external: [...NEVER_REACHED, ...UNUSED_CREDENTIAL_PROVIDERS, ...leftOut],
    logLevel: 'warning',
  });
  const scripts = outputFiles.map(({ path, text }): [string, { code: string; map: string }] => {
    const name = basename(path);
    const { code, map } = transformSync(text, {
      format: 'cjs',
      platform: 'node',
      target: 'node24',
      minify: true,
      // The map of the first step is in the text: this one leads on from it to the sources.
      sourcefile: name,
      sourcemap: 'external',
      sourcesContent: false,
      define: FILE_NAMES,
      banner: BANNER,
    });
    return [name, { code: `${code}//# sourceMappingURL=${name}.map\n`, map }];
  });
  return { scripts: new Map(scripts), metafile };
}

/** Writes the scripts, each with its map. */
export function writeScripts(folder: string, { scripts }: Pick<Bundle, 'scripts'>): void {
  for (const [name, { code, map }] of scripts) {
    writeFileSync(join(folder, name), code);
    writeFileSync(join(folder, `${name}.map`), map);
  }
}

export const handlerScripts: HandlerScripts = {
  source: ROOT,
  write: (folder, leftOut, entries) => writeScripts(folder, bundleHandler(folder, leftOut, entries)),
};
