// Usage: node lint.mjs DOCUMENT PACKAGES
//
// Lints an OpenAPI document by the rules of redocly.yaml, with @redocly/openapi-core of the folder PACKAGES
// (tools/npm has put it there). Prints a line for each finding. Exit code: 0 none, 1 some.
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const [document, packages] = process.argv.slice(2);
const { lint, loadConfig } = createRequire(resolve(packages, "package.json"))("@redocly/openapi-core");
const rules = resolve(dirname(fileURLToPath(import.meta.url)), "redocly.yaml");

const config = await loadConfig({ configPath: rules });
const found = await lint({ ref: resolve(document), config });
for (const one of found) {
  const at = one.location.map((place) => place.pointer ?? "").join(" ");
  console.log(`${one.severity} ${one.ruleId}: ${at}: ${one.message}`);
}
console.log(`${found.length} findings`);
process.exitCode = found.length === 0 ? 0 : 1;
