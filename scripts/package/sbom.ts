// Renders the software bill of materials: what the bundles contain, in CycloneDX.

import { createHash } from 'node:crypto';
import { Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library';
import { type BundledPackage, idOf } from './bundled-packages.ts';

/** The file's name in the package. */
export const SBOM = 'sbom.cdx.json';

type Part = Pick<BundledPackage, 'name' | 'version' | 'license'>;

/** The package that is published. */
export interface PublishedPackage extends Part {
  readonly description: string;
  /** When it was released. Undefined before that: a time of the build would be another one each time. */
  readonly released: Date | undefined;
}

/** The same text for the same packages. */
export function sbom(published: PublishedPackage, packages: readonly BundledPackage[]): string {
  const root = component(Enums.ComponentType.Application, published);
  root.description = published.description;
  const components = new Map(packages.map((each) => [idOf(each), component(Enums.ComponentType.Library, each)]));
  const needed = new Set(packages.flatMap(({ needs }) => needs));
  for (const each of packages) {
    const from = components.get(idOf(each));
    for (const to of each.needs.map((id) => components.get(id))) {
      if (to !== undefined) from?.dependencies.add(to.bomRef);
    }
    if (!needed.has(idOf(each)) && from !== undefined) root.dependencies.add(from.bomRef);
  }
  const bom = new Models.Bom({
    serialNumber: serialNumber(published, packages),
    metadata: new Models.Metadata({
      component: root,
      ...(published.released !== undefined && { timestamp: published.released }),
      lifecycles: new Models.LifecycleRepository([Enums.LifecyclePhase.Build]),
    }),
    components: new Models.ComponentRepository(components.values()),
  });
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6);
  return `${new Serialize.JsonSerializer(normalizers).serialize(bom, { sortLists: true, space: 2 })}\n`;
}

/** The names and versions are the reference of a component, and so its place in the list. */
function component(type: Enums.ComponentType, { name, version, license }: Part): Models.Component {
  const [unscoped = name, scope] = name.split('/').reverse();
  return new Models.Component(type, unscoped, {
    ...(scope !== undefined && { group: scope }),
    version,
    bomRef: `${name}@${version}`,
    purl: `pkg:npm/${scope === undefined ? '' : `${encodeURIComponent(scope)}/`}${unscoped}@${version}`,
    licenses: new Models.LicenseRepository([
      new Models.SpdxLicense(license, { acknowledgement: Enums.LicenseAcknowledgement.Declared }),
    ]),
  });
}

/** A UUID (version 8 of RFC 9562) from what is listed: another list has another number. */
function serialNumber(published: PublishedPackage, packages: readonly BundledPackage[]): string {
  const listed = [published, ...packages].map(({ name, version }) => `${name}@${version}`).join('\n');
  const hex = createHash('sha256').update(listed).digest('hex');
  return `urn:uuid:${hex.slice(0, 8)}-${hex.slice(8, 12)}-8${hex.slice(13, 16)}-a${hex.slice(17, 20)}-${hex.slice(20, 32)}`;
}
