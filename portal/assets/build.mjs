// Builds the portal's styles and scripts into ../static/dist: one hashed file an entry, manifest.json, and the licences of what is
// inside. The result is committed, so that neither a server nor a test needs Node. `node build.mjs --check` builds in memory and
// fails when the committed files differ.
import { createHash } from "node:crypto";
import { mkdir, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { fileURLToPath } from "node:url";
import * as esbuild from "esbuild";
import * as sass from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const dist = join(here, "..", "static", "dist");
const browsers = ["chrome90", "firefox91", "safari15"];
const typeface = 'Arial,"Liberation Sans",Helvetica,sans-serif';

function stylesheet(name) {
  const options = { loadPaths: [here], style: "expanded", quietDeps: true, charset: false, logger: sass.Logger.silent };
  return sass.compile(join(here, "scss", `${name}.scss`), options).css;
}

// The Ministry of Justice package cannot be configured, so its typeface and its one picture are taken out of the compiled text.
function withoutForeignFiles(css) {
  return css
    .replace(/"GDS Transport", ?arial, ?sans-serif/g, typeface)
    .replace(/url\(["']?\/assets\/images\/[^)]*\)/g, "none");
}

async function styles() {
  const css = [stylesheet("govuk"), withoutForeignFiles(stylesheet("moj")), stylesheet("dockline")].join("\n");
  const { code } = await esbuild.transform(css, { loader: "css", minify: true, target: browsers });
  return code;
}

async function script(entry, format) {
  const { outputFiles } = await esbuild.build({
    absWorkingDir: here,
    entryPoints: [`js/${entry}.js`],
    bundle: true,
    write: false,
    minify: true,
    format,
    target: browsers,
    legalComments: "none",
    logLevel: "warning",
  });
  return outputFiles[0].text;
}

async function licences() {
  const notices = await readFile(join(here, "licences", "notices.txt"), "utf8");
  const apache = await readFile(join(here, "node_modules", "hls.js", "LICENSE"), "utf8");
  return `${notices}\nhls.js\n\n${apache.trim()}\n`;
}

// What the build was made from, so that a test without Node can tell a stale one: each source's digest and path, one a line, digested.
async function sourcesDigest() {
  const places = ["build.mjs", "package-lock.json"];
  for (const folder of ["images", "js", "licences", "scss"]) {
    for (const entry of await readdir(join(here, folder), { recursive: true, withFileTypes: true })) {
      if (entry.isFile()) places.push(relative(here, join(entry.parentPath ?? entry.path, entry.name)));
    }
  }
  const lines = [];
  for (const place of places.sort()) {
    lines.push(`${createHash("sha256").update(await readFile(join(here, place))).digest("hex")}  ${place}\n`);
  }
  return createHash("sha256").update(lines.join("")).digest("hex");
}

function hashed(name, text) {
  const [stem, extension] = name.split(".");
  return `${stem}-${createHash("sha256").update(text).digest("hex").slice(0, 12)}.${extension}`;
}

async function build() {
  const sources = {
    "portal.css": await styles(),
    "boot.js": await script("boot", "iife"),
    "portal.js": await script("portal", "esm"),
    "player.js": await script("player", "esm"),
    "icon.svg": await readFile(join(here, "images", "icon.svg"), "utf8"),
  };
  const files = new Map([["licences.txt", await licences()], ["sources.sha256", `${await sourcesDigest()}\n`]]);
  const manifest = {};
  for (const [name, text] of Object.entries(sources)) {
    manifest[name] = hashed(name, text);
    files.set(manifest[name], text);
  }
  files.set("manifest.json", `${JSON.stringify(manifest, null, 2)}\n`);
  return files;
}

async function write(files) {
  await rm(dist, { recursive: true, force: true });
  await mkdir(dist, { recursive: true });
  for (const [name, text] of files) await writeFile(join(dist, name), text);
}

async function compare(files) {
  const present = new Set(await readdir(dist));
  const stale = [];
  for (const [name, text] of files) {
    if (!present.delete(name) || (await readFile(join(dist, name), "utf8")) !== text) stale.push(name);
  }
  stale.push(...present);
  if (stale.length > 0) {
    console.error(`The committed files differ from their sources: ${stale.join(", ")}. Run "npm run build" and commit.`);
    process.exitCode = 1;
  }
}

const files = await build();
if (process.argv.includes("--check")) await compare(files);
else await write(files);
