"""Measures the portal in a headless Chromium against a service on this machine; prints JSON.

On a quiet machine: `.venv/bin/python portal/measure.py`. Medians of five where repeating is cheap.
"""

from __future__ import annotations

import gzip
import io
import json
import os
import shutil
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import PIL.Image

from safelight.client.local_service import LocalService
from safelight.service.portal import PORTAL_FOLDER

MODEL = "cxr-pneumonia-28-fast"
PASSPHRASE = "measured in the open"  # noqa: S105 - nothing is kept
REPEATS = 5


def main() -> int:
    """Prints the figures."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        print("error: pip install -r requirements/portal.txt", file=sys.stderr)
        return 1
    path = os.environ.get("SAFELIGHT_CHROMIUM") or shutil.which("chromium")
    texts = [p for p in PORTAL_FOLDER.rglob("*") if p.suffix in (".js", ".css", ".html")]
    figures: dict[str, Any] = {
        "gzipped_bytes_before_wasm": sum(len(gzip.compress(p.read_bytes(), 9)) for p in texts)
    }
    arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
    with tempfile.TemporaryDirectory() as folder, LocalService((MODEL,)) as service:
        image = Path(folder) / "noise.png"
        image.write_bytes(noise())
        with sync_playwright() as driver:
            browser = driver.chromium.launch(executable_path=path, args=arguments)
            paints = []
            for _ in range(REPEATS):
                page = browser.new_context().new_page()
                page.goto(service.url)
                page.wait_for_selector("form")
                script = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
                paints.append(page.evaluate(script))
                page.context.close()
            figures["first_contentful_paint_ms"] = statistics.median(paints)
            page = browser.new_context(viewport={"width": 1280, "height": 800}).new_page()
            page.set_default_timeout(120_000)
            page.goto(service.url)
            page.get_by_label("Access token").fill(service.token)
            page.get_by_label("Passphrase", exact=True).fill(PASSPHRASE)
            page.get_by_label("Passphrase once more").fill(PASSPHRASE)
            started = time.perf_counter()
            page.get_by_role("button", name="Create keys and begin").click()
            page.wait_for_selector(".workbench")
            figures["vault_ms"] = 1000 * (time.perf_counter() - started)
            page.set_input_files(".worklist input[type=file]", [str(image)])
            page.wait_for_selector("canvas")
            totals = []
            for repeat in range(REPEATS + 1):
                name = "Analyse" if repeat == 0 else "Analyse again"
                started = time.perf_counter()
                page.get_by_role("button", name=name, exact=True).click()
                page.wait_for_selector("#result .finding")
                if repeat > 0:
                    totals.append(1000 * (time.perf_counter() - started))
                report = json.loads(download(page))
                if repeat == 0:
                    figures["keys_and_upload_ms"] = report["timings_ms"]["keys"]
                    figures["request_bytes"] = report["request_bytes"]
                else:
                    figures.setdefault("in_tab_ms", []).append(report["timings_ms"]["total"])
            figures["analyse_to_answer_ms"] = statistics.median(totals)
            figures["in_tab_ms"] = statistics.median(figures["in_tab_ms"])
            figures["largest_renderer_peak_mb"] = peak_mb(browser)
            browser.close()
    print(json.dumps(figures, indent=2))
    return 0


def download(page: Any) -> str:
    """The JSON report."""
    with page.expect_download() as caught:
        page.get_by_role("button", name="Report (JSON)").click()
    return Path(caught.value.path()).read_text()


def peak_mb(browser: Any) -> float:
    """Most memory that a renderer has held: the tab with its workers (VmHWM, Linux)."""
    processes = browser.new_browser_cdp_session().send("SystemInfo.getProcessInfo")
    peaks = [0.0]
    for process in processes["processInfo"]:
        status = Path(f"/proc/{int(process['id'])}/status")
        if process["type"] == "renderer" and status.is_file():
            line = next(x for x in status.read_text().splitlines() if x.startswith("VmHWM"))
            peaks.append(int(line.split()[1]) / 1000)
    return max(peaks)


def noise() -> bytes:
    """A picture of 1024 × 1024."""
    grey = np.random.default_rng(0).integers(60, 200, (1024, 1024)).astype(np.uint8)
    buffer = io.BytesIO()
    PIL.Image.fromarray(grey).save(buffer, "PNG")
    return buffer.getvalue()


if __name__ == "__main__":
    sys.exit(main())
