import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { defineConfig, type Plugin } from "vite";

const MARK = "?integrity";
const digestOf = (content: string | Uint8Array): string =>
  `sha384-${createHash("sha384").update(content).digest("base64")}`;

/** `import digest from "file?integrity"`: what a worker asks of the WebAssembly that it fetches. */
function wasmIntegrity(): Plugin {
  return {
    name: "safelight-wasm-integrity",
    enforce: "pre",
    async resolveId(source, importer) {
      if (!source.endsWith(MARK)) return null;
      const found = await this.resolve(source.slice(0, -MARK.length), importer, { skipSelf: true });
      if (found === null) throw new Error(`${source} is not there`);
      return `\0integrity:${found.id.split("?")[0]}.js`;
    },
    load(id) {
      if (!id.startsWith("\0integrity:")) return null;
      const path = id.slice("\0integrity:".length, -".js".length);
      return `export default ${JSON.stringify(digestOf(readFileSync(path)))};`;
    },
  };
}

const here = (path: string): string => fileURLToPath(new URL(path, import.meta.url));

// The page may run our scripts, SEAL's WebAssembly, and nothing else, from here and from nowhere else.
// src/safelight/service/portal.py sends the same policy as a header.
const POLICY = [
  "default-src 'none'",
  "script-src 'self' 'wasm-unsafe-eval'",
  "worker-src 'self'",
  "style-src 'self'",
  "img-src 'self' blob:",
  "connect-src 'self'",
  "base-uri 'none'",
  "form-action 'none'",
].join("; ");

/** Subresource Integrity of everything that index.html names, and the policy. */
function integrity(): Plugin {
  return {
    name: "safelight-integrity",
    apply: "build",
    enforce: "post",
    generateBundle: {
      order: "post",
      handler(_, bundle) {
        const page = bundle["index.html"];
        if (page?.type !== "asset") throw new Error("no index.html");
        const tagged = String(page.source).replace(
          /<(script|link)([^>]*?)(?:src|href)="\/?(assets\/[^"]+)"([^>]*)>/g,
          (tag: string, name: string, _before: string, file: string) => {
            const asset = bundle[file];
            if (asset === undefined) throw new Error(`${file} is not built`);
            const content = asset.type === "asset" ? asset.source : asset.code;
            return tag.replace(`<${name}`, `<${name} integrity="${digestOf(content)}"`);
          },
        );
        page.source = tagged.replace(
          "<head>",
          `<head>\n    <meta http-equiv="Content-Security-Policy" content="${POLICY}" />`,
        );
      },
    },
  };
}

export default defineConfig({
  plugins: [wasmIntegrity(), integrity()],
  worker: { format: "es", plugins: () => [wasmIntegrity()] },
  build: {
    target: "es2023",
    outDir: here("../src/safelight/portal_static"),
    emptyOutDir: true,
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { "/v1": "http://127.0.0.1:8440" } },
});
