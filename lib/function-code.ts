// Makes the files that Lambda runs: the scripts of the functions, and the configuration beside them.

import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { AssetHashType, DockerImage } from 'aws-cdk-lib';
import { Code } from 'aws-cdk-lib/aws-lambda';
import type { ConfigInput } from '../lambda/config/index.ts';
// In the published package, this is lib/prebuilt-handler.ts.
import { handlerScripts } from './bundled-handler.ts';
import type { FunctionEntry } from './handler-scripts.ts';

/** The name under which the handler looks for its configuration, next to itself. */
const CONFIG_FILE = 'auditor.config.json';

/**
 * The files of the function.
 *
 * @param document - The configuration, as written.
 * @param leftOut - Modules in no script, as they are imported.
 * @param entries - The scripts that Lambda is to load.
 */
export function functionCode(
  document: ConfigInput,
  leftOut: readonly string[],
  entries: readonly FunctionEntry[],
): Code {
  return Code.fromAsset(handlerScripts.source, {
    assetHashType: AssetHashType.OUTPUT,
    // CDK's name for files that are made during synthesis, into the folder of the assembly.
    bundling: {
      image: DockerImage.fromRegistry('none'),
      // Never run. CDK makes bundles once for equal options, among which it does not count functions.
      command: [JSON.stringify([document, leftOut, entries])],
      local: {
        tryBundle(folder) {
          handlerScripts.write(folder, leftOut, entries);
          writeFileSync(join(folder, CONFIG_FILE), JSON.stringify(document));
          // Makes the scripts load as CommonJS also inside a package whose modules are ESM.
          writeFileSync(join(folder, 'package.json'), '{"type":"commonjs"}');
          return true;
        },
      },
    },
  });
}
