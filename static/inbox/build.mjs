// Makes ../inbox.js (widget and client) and ../inbox-client.js (the client alone) of the sources here: npm ci && npm run build.
// The first line of each names the SHA-256 of its sources, one after the other; a test compares.
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { build, transform } from "esbuild";
import { minify } from "terser";

const style = {
  name: "style sheets as texts, with short names for the variables that only they use",
  setup: (builder) =>
    builder.onLoad({ filter: /\.css$/ }, async ({ path }) => {
      const { code } = await transform(readFileSync(path, "utf8"), { loader: "css", minify: true, target: "es2022" });
      const names = [...new Set(code.match(/--_\w+/g))];
      return { contents: code.trim().replace(/--_\w+/g, (name) => `--${names.indexOf(name)}`), loader: "text" };
    }),
};
const made = { "inbox.js": ["client.js", "parts.js", "list.js", "widget.css", "widget.js"], "inbox-client.js": ["client.js"] };
for (const [name, sources] of Object.entries(made)) {
  const hash = createHash("sha256");
  for (const source of sources) hash.update(readFileSync(source));
  const { outputFiles } = await build({
    entryPoints: [sources.at(-1)], bundle: true, write: false, minify: true, format: "esm", target: "es2022", charset: "utf8",
    external: ["./vendor/*"], legalComments: "none", plugins: [style],
  });
  const { code } = await minify(outputFiles[0].text, { module: true, ecma: 2020, compress: { passes: 3, pure_getters: true, unsafe_arrows: true } });
  writeFileSync(`../${name}`, `// static/inbox/ sha256 ${hash.digest("hex")}\n${code}\n`);
}
