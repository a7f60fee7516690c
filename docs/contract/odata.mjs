// Reads the types of the OData tables with the program of OASIS: node odata.mjs FILE
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const { xml2json } = createRequire(import.meta.url)("odata-csdl");
const problems = [];
const csdl = xml2json(readFileSync(process.argv[2]), { messages: problems, strict: true });
const sets = Object.entries(csdl.bulwark.Container).filter(([, set]) => set.$Collection);
for (const [name, set] of sets) {
  const type = csdl.bulwark[set.$Type.replace("bulwark.", "")];
  if (!type || type.$Kind !== "EntityType" || !type.$Key.every((key) => type[key] && !type[key].$Nullable)) {
    throw new Error("the set " + name + " has no type with a key");
  }
}
if (csdl.$Version !== "4.0" || sets.length !== 6 || problems.length > 0) {
  throw new Error(sets.length + " sets of version " + csdl.$Version + ": " + JSON.stringify(problems));
}
