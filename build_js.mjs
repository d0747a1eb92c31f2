// Bundles the explorers' JavaScript into one self-contained file for each widget, which is what every
// notebook front end takes, without a network: `make js`. The bundles are committed, so that only who changes
// a source needs node. A bundle begins with the names of its sources and their hash;
// tests/explore/test_javascript.py compares it with the files.

import { build } from "esbuild";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { basename } from "node:path";

const FOLDER = "ucmt_lite/explore/draw";

// A page of its own runs what a front end would import.
for (const [name, format] of [
  ["stack", "esm"],
  ["annotate", "esm"],
  ["page", "iife"],
]) {
  const { metafile, outputFiles } = await build({
    entryPoints: [`${FOLDER}/js/${name}.js`],
    bundle: true,
    charset: "utf8",
    format,
    metafile: true,
    target: "es2022",
    write: false,
  });
  const sources = Object.keys(metafile.inputs).sort();
  const hash = createHash("sha256");
  for (const source of sources) hash.update(readFileSync(source));
  const names = sources.map((source) => basename(source)).join(" ");
  const header = `// Made by \`make js\` from ${names}\n// sha256 of those: ${hash.digest("hex")}\n`;
  writeFileSync(`${FOLDER}/bundle/${name}.js`, header + outputFiles[0].text);
}
