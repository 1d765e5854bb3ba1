// Makes one file of declarations, and pages about them, for each module that the package exports.

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import {
  CompilerState,
  Extractor,
  ExtractorConfig,
  ExtractorLogLevel,
  type ExtractorMessage,
  type IConfigFile,
} from '@microsoft/api-extractor';
import { DIST, ROOT } from './folders.ts';
import { LIBRARY } from './library.ts';

/** The folder of the package with a page for each class, interface and member. */
export const API_PAGES = 'docs/api';

const run = promisify(execFile);

/** A module that the package exports. */
export interface DeclaredModule {
  readonly name: keyof typeof LIBRARY;
  /** Its declarations, which import those of other files. */
  readonly entry: string;
}

/** What is made of a module's declarations. */
export type Extracts = Pick<IConfigFile, 'apiReport' | 'docModel' | 'dtsRollup'>;

/** Types of the CDK are imported; all others are in the file, so that a consumer needs no other package. */
export async function buildDeclarations(): Promise<void> {
  await withDeclarations(async (modules) => {
    const file = (name: string): string => join(DIST, name, 'index.d.ts');
    extract(modules, ({ name, entry }) => ({
      dtsRollup: { enabled: true, untrimmedFilePath: file(name) },
      docModel: { enabled: true, apiJsonFilePath: `${entry}.api.json` },
    }));
    for (const { name, entry } of modules) {
      // The same types: to TypeScript, the extension says how the module beside them is loaded.
      await copyFile(file(name), file(name).replace(/\.ts$/, '.cts'));
      await writePages(`${entry}.api.json`, join(DIST, API_PAGES, name));
    }
  });
}

/** @param use - Is given the modules, whose declarations are there until it ends. */
export async function withDeclarations(
  use: (modules: readonly DeclaredModule[], folder: string) => Promise<void> | void,
): Promise<void> {
  const folder = await mkdtemp(join(ROOT, '.build-'));
  try {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    await run(process.execPath, [compiler, '--project', 'tsconfig.build.json', '--outDir', folder], { cwd: ROOT });
    const names = Object.keys(LIBRARY) as (keyof typeof LIBRARY)[];
    await use(
      names.map((name) => ({ name, entry: join(folder, LIBRARY[name].replace(/\.ts$/, '.d.ts')) })),
      folder,
    );
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** @throws Error where declarations are wrong */
export function extract(modules: readonly DeclaredModule[], extractsOf: (module: DeclaredModule) => Extracts): void {
  const configs = modules.map((module) => configOf(module.entry, extractsOf(module)));
  const [first] = configs;
  if (first === undefined) return;
  // Compiled once: most of the time goes to the declarations of the CDK.
  const compilerState = CompilerState.create(first, { additionalEntryPoints: modules.map(({ entry }) => entry) });
  for (const config of configs) {
    // A local build writes a report that has changed.
    const options = { compilerState, localBuild: true, messageCallback: onlyErrors };
    const { succeeded } = Extractor.invoke(config, options);
    if (!succeeded) throw new Error(`no declarations of ${config.mainEntryPointFilePath}: see the messages above`);
  }
}

function configOf(entry: string, extracts: Extracts): ExtractorConfig {
  return ExtractorConfig.prepare({
    configObjectFullPath: undefined,
    packageJsonFullPath: join(ROOT, 'package.json'),
    configObject: {
      projectFolder: ROOT,
      mainEntryPointFilePath: entry,
      compiler: {
        overrideTsconfig: {
          compilerOptions: { module: 'nodenext', target: 'es2024', types: ['node'], skipLibCheck: true },
        },
      },
      apiReport: { enabled: false },
      docModel: { enabled: false },
      dtsRollup: { enabled: false },
      tsdocMetadata: { enabled: false },
      newlineKind: 'lf',
      ...extracts,
      // Types that are not exported are in the declarations and in the report too. The rest is about comments.
      messages: {
        extractorMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
        tsdocMessageReporting: { default: { logLevel: ExtractorLogLevel.None } },
      },
    },
  });
}

function onlyErrors(message: ExtractorMessage): void {
  message.handled = message.logLevel !== 'error';
}

/** @param model - What API Extractor wrote of a module. */
async function writePages(model: string, folder: string): Promise<void> {
  // All models of a folder would be one site.
  const input = await mkdtemp(`${model}-`);
  await copyFile(model, join(input, 'module.api.json'));
  const manifest = fileURLToPath(import.meta.resolve('@microsoft/api-documenter/package.json'));
  const documenter = join(dirname(manifest), 'bin', 'api-documenter');
  const options = ['markdown', '--input-folder', input, '--output-folder', folder];
  await run(process.execPath, [documenter, ...options], { cwd: ROOT });
}
