import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";

import { defineConfig, type Plugin } from "vite";

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
            const digest = createHash("sha384").update(content).digest("base64");
            return tag.replace(`<${name}`, `<${name} integrity="sha384-${digest}"`);
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
  plugins: [integrity()],
  worker: { format: "es" },
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
