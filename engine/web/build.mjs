// Builds dist from src: two files named by their hashes, the page, the icon and the licences of what is inside.
// The same sources give the same bytes on any machine; tests/web/test_build.py holds dist to that.
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const here = dirname(fileURLToPath(import.meta.url));
const out = process.argv[2] ?? join(here, "dist");

const VENDORED = [
  { name: "preact", files: ["dist/preact.module.js", "hooks/dist/hooks.module.js", "jsx-runtime/dist/jsxRuntime.module.js"] },
  { name: "uplot", files: ["dist/uPlot.esm.js", "dist/uPlot.min.css"] },
];

const sha256 = (bytes) => createHash("sha256").update(bytes).digest("hex");

async function bundle() {
  const made = await build({
    absWorkingDir: here,
    entryPoints: ["src/main.tsx"],
    outfile: "app.js",
    bundle: true,
    preserveSymlinks: true,
    minify: true,
    format: "esm",
    target: "es2022",
    charset: "utf8",
    legalComments: "none",
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  checkVendored(Object.keys(made.metafile.inputs));
  return Object.fromEntries(made.outputFiles.map((file) => [file.path.split(".").pop(), Buffer.from(file.contents)]));
}

/** What is bundled from elsewhere must be on the list of licences. */
function checkVendored(inputs) {
  const known = VENDORED.flatMap(({ name, files }) => files.map((file) => `node_modules/${name}/${file}`));
  const strays = inputs.filter((path) => path.includes("node_modules/") && !known.includes(path));
  const unused = known.filter((path) => !inputs.includes(path));
  if (strays.length + unused.length) throw new Error(`VENDORED in build.mjs: missing ${strays}; not used ${unused}`);
}

function asset(name, bytes) {
  const [stem, kind] = name.split(".");
  const path = `assets/${stem}-${sha256(bytes).slice(0, 12)}.${kind}`;
  writeFileSync(join(out, path), bytes);
  return path;
}

function licences() {
  const parts = VENDORED.map(({ name, files }) => {
    const folder = join(here, "node_modules", name);
    const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf8"));
    const hashes = files.map((file) => `  ${sha256(readFileSync(join(folder, file)))}  ${file}`).join("\n");
    const text = readFileSync(join(folder, "LICENSE"), "utf8").replaceAll("\r", "").trim();
    return `${name} ${about.version} (${about.license})\nSHA-256 of what is used:\n${hashes}\n\n${text}\n`;
  });
  return `The dashboard holds these works of others, bundled and minified.\n\n${parts.join(`\n${"-".repeat(80)}\n\n`)}`;
}

rmSync(out, { recursive: true, force: true });
mkdirSync(join(out, "assets"), { recursive: true });
const { js, css } = await bundle();
const names = {
  "{app.js}": asset("app.js", js),
  "{app.css}": asset("app.css", css),
  "{icon.svg}": asset("icon.svg", readFileSync(join(here, "src/icon.svg"))),
};
for (const page of ["index.html", "report.html"]) {
  const text = readFileSync(join(here, "src", page), "utf8");
  writeFileSync(join(out, page), text.replace(/\{\w+\.\w+\}/g, (name) => names[name]));
}
writeFileSync(join(out, "LICENSES.txt"), licences());
