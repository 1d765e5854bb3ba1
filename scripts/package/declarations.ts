// Makes one file of declarations for each module that the package exports.

import { execFile } from 'node:child_process';
import { copyFile, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import {
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

/** Types of the CDK are imported; all others are in the file, so that a consumer needs no other package. */
export async function buildDeclarations(): Promise<void> {
  await withDeclarations(async (name, entry) => {
    const file = join(DIST, name, 'index.d.ts');
    extract(entry, {
      dtsRollup: { enabled: true, untrimmedFilePath: file },
      docModel: { enabled: true, apiJsonFilePath: `${entry}.api.json` },
    });
    await documentApi(`${entry}.api.json`, join(DIST, API_PAGES, name));
    // The same types: to TypeScript, the extension says how the module beside them is loaded.
    await copyFile(file, file.replace(/\.ts$/, '.cts'));
  });
}

/** @param model - What API Extractor writes of a module. */
async function documentApi(model: string, folder: string): Promise<void> {
  const input = await mkdtemp(`${model}-`);
  await copyFile(model, join(input, 'module.api.json'));
  const documenter = join(ROOT, 'node_modules', '@microsoft', 'api-documenter', 'bin', 'api-documenter');
  const options = ['markdown', '--input-folder', input, '--output-folder', folder];
  await promisify(execFile)(process.execPath, [documenter, ...options], { cwd: ROOT });
}

/** Gives each module that the package exports, by its name, with the file that declares it. */
export async function withDeclarations(use: (name: keyof typeof LIBRARY, entry: string) => unknown): Promise<void> {
  const folder = await mkdtemp(join(ROOT, '.build-'));
  try {
    const compiler = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc');
    const options = ['--project', 'tsconfig.build.json', '--outDir', folder];
    await promisify(execFile)(process.execPath, [compiler, ...options], { cwd: ROOT });
    for (const name of ['lib', 'report'] as const) {
      await use(name, join(folder, LIBRARY[name].replace(/\.ts$/, '.d.ts')));
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** What is made of declarations. */
export type Extracts = Pick<IConfigFile, 'apiReport' | 'docModel' | 'dtsRollup'>;

/** @param entry - A file of declarations, below the root of the checkout. */
export function extract(entry: string, extracts: Extracts): void {
  const config = ExtractorConfig.prepare({
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
  const { succeeded } = Extractor.invoke(config, { localBuild: true, messageCallback: onlyErrors });
  if (!succeeded) throw new Error(`declarations of ${entry}: see the messages above`);
}

function onlyErrors(message: ExtractorMessage): void {
  message.handled = message.logLevel !== 'error';
}
