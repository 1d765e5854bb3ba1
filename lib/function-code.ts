// Bundles the functions: what every run needs, the optional parts each in files of its own, and the configuration.

import { writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { basename, dirname, join, resolve } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import { buildSync, transformSync } from 'esbuild';
import type { ConfigInput } from '../lambda/config/index.ts';

const ROOT = join(import.meta.dirname, '..');
/** The name under which the handler looks for its configuration, next to itself. */
const CONFIG_FILE = 'auditor.config.json';

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
} as const;

export type FunctionEntry = keyof typeof ENTRIES;

/** What a CommonJS file calls these. */
const FILE_NAMES = {
  'import.meta.dirname': '__dirname',
  'import.meta.filename': '__filename',
  'import.meta.url': 'importMetaUrl',
};
const BANNER = "const importMetaUrl=require('node:url').pathToFileURL(__filename).href;";

/**
 * The files of the function.
 *
 * @param document - The configuration, as written.
 * @param leftOut - Modules outside the bundle, as they are imported.
 * @param entries - The scripts that Lambda is to load. What they share is bundled once.
 */
export function functionCode(
  document: ConfigInput,
  leftOut: readonly string[],
  entries: readonly FunctionEntry[],
): Code {
  return Code.fromAsset(ROOT, {
    assetHashType: AssetHashType.OUTPUT,
    bundling: {
      image: DockerImage.fromRegistry('none'),
      // Never run. CDK makes bundles once for equal options, among which it does not count functions.
      command: [JSON.stringify([document, leftOut, entries])],
      local: {
        tryBundle(folder) {
          writeScripts(folder, leftOut, entries);
          writeFileSync(join(folder, CONFIG_FILE), JSON.stringify(document));
          // Makes the scripts load as CommonJS also inside this package, whose modules are ESM.
          writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}');
          return true;
        },
      },
    },
  });
}

/**
 * All that an audit and its notifications need, AWS SDK included: Lambda runs the code that the tests ran, whatever SDK
 * version the runtime has. esbuild splits only ESM, and from the ESM sources of packages it drops unused code; CommonJS
 * loads about 8 ms (15 %) faster with pg inside. So ESM files are made first, and each is then turned into CommonJS.
 */
function writeScripts(folder: string, leftOut: readonly string[], entries: readonly FunctionEntry[]): void {
  const { outputFiles } = buildSync({
    absWorkingDir: ROOT,
    entryPoints: Object.fromEntries(entries.map((entry) => [entry, join(ROOT, ENTRIES[entry])])),
    // CDK may name it relative to where it runs.
    outdir: resolve(folder),
    write: false,
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
  for (const { path, text } of outputFiles) {
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
    writeFileSync(join(folder, name), `${code}//# sourceMappingURL=${name}.map\n`);
    writeFileSync(join(folder, `${name}.map`), map);
  }
}
