"""The portal as a person uses it: what is clicked, what is read."""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

FAST, RECORDS = "cxr-pneumonia-28-fast", "wdbc-logistic"
MODELS = (FAST, RECORDS)
PASSPHRASE = "a passphrase for tests 4711"
PATIENCE_MS = 60_000
# every string and every byte of every item, in clear where they are; numbers as text
_STORED = """async () => {
  const done = (request) => new Promise((yes, no) => {
    request.onsuccess = () => yes(request.result);
    request.onerror = () => no(request.error);
  });
  const parts = (value) => {
    if (ArrayBuffer.isView(value)) {
      return [new Uint8Array(value.buffer, value.byteOffset, value.byteLength)];
    }
    if (value instanceof ArrayBuffer) return [new Uint8Array(value)];
    if (value instanceof Blob) throw new Error("a Blob is not searched");
    if (value !== null && typeof value === "object") {
      return Object.entries(value).flatMap(([name, one]) => [...parts(name), ...parts(one)]);
    }
    return [new TextEncoder().encode(`${value}\\n`)];
  };
  const found = {};
  if (localStorage.length + sessionStorage.length > 0) throw new Error("web storage is used");
  for (const { name } of await indexedDB.databases()) {
    const db = await done(indexedDB.open(name));
    for (const store of db.objectStoreNames) {
      const items = db.transaction(store).objectStore(store);
      const keys = await done(items.getAllKeys());
      const values = await done(db.transaction(store).objectStore(store).getAll());
      for (const [index, key] of keys.entries()) {
        const blob = new Blob(parts(values[index]));
        const url = await new Promise((read) => {
          const reader = new FileReader();
          reader.onload = () => read(reader.result);
          reader.readAsDataURL(blob);
        });
        found[`${store}/${key}`] = url.slice(url.indexOf(",") + 1);
      }
    }
    db.close();
  }
  return found;
}"""


class PortalTab:
    """One tab.

    Args:
        page: Playwright's page.
        url: Where the portal is served.
        token: Access token.
        screenshots: Folder for pictures of the screens, CI artefacts.
    """

    def __init__(self, page: Any, url: str, token: str, screenshots: Path) -> None:
        self.page = page
        self.url = url
        self.token = token
        self.client_name = ""
        self.requests: list[Any] = []
        self.complaints: list[str] = []
        self._screenshots = screenshots
        page.set_default_timeout(PATIENCE_MS)
        page.on("request", lambda request: self.requests.append(request))
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", self._note)

    def _note(self, message: Any) -> None:
        # a refused request is reported by the browser; a policy's violation must not occur
        if "Content Security Policy" in message.text or "integrity" in message.text:
            self.complaints.append(message.text)

    def screenshot(self, name: str) -> None:
        """Keeps a picture of the screen."""
        self._screenshots.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=self._screenshots / f"{name}.png")

    def set_up(self, passphrase: str = PASSPHRASE) -> PortalTab:
        """Opens the page and makes the vault."""
        self.page.goto(self.url)
        self.page.get_by_label("Access token").fill(self.token)
        self.page.get_by_label("Passphrase", exact=True).fill(passphrase)
        self.page.get_by_label("Passphrase once more").fill(passphrase)
        self.page.get_by_role("button", name="Create keys and begin").click()
        self.page.wait_for_selector(".workbench")
        return self

    def unlock(self, passphrase: str = PASSPHRASE) -> None:
        """Gives the passphrase on the unlock screen."""
        self.page.get_by_label("Passphrase", exact=True).fill(passphrase)
        self.page.get_by_role("button", name="Unlock").click()

    def add(self, *paths: Path) -> None:
        """Adds files to the worklist."""
        self.page.set_input_files(".worklist input[type=file]", [str(path) for path in paths])

    def add_one(self, path: Path) -> None:
        """Adds a file and waits until it is chosen; what came before may have the same name."""
        before = self.page.locator(".worklist li").count()
        self.add(path)
        self.page.wait_for_selector(f".worklist li:nth-child({before + 1})")
        self.page.wait_for_selector(f".worklist li.chosen:first-child >> text={path.name}")

    def analyse(self) -> None:
        """Presses the button."""
        self.page.get_by_role("button", name="Analyse", exact=True).click()

    def wait_for_result(self) -> str:
        """The finding that the page shows."""
        self.page.wait_for_selector("#result .finding, #result .problem")
        problem = self.page.query_selector("#result .problem")
        assert problem is None, problem.inner_text()
        return str(self.page.inner_text("#result .finding")).lower()

    def report(self) -> dict[str, Any]:
        """The JSON report, downloaded."""
        with self.page.expect_download() as download:
            self.page.get_by_role("button", name="Report (JSON)").click()
        document: dict[str, Any] = json.loads(Path(download.value.path()).read_text())
        return document

    def problem(self) -> str:
        """The sentence of the first problem on the screen."""
        self.page.wait_for_selector(".problem")
        return str(self.page.inner_text(".problem"))

    def export_keys(self, folder: Path, passphrase: str) -> list[Path]:
        """The secret keys' files, saved as a person saves them."""
        self.page.get_by_role("button", name="Keys", exact=True).click()
        self.page.wait_for_selector("dialog .keys li")
        targets = []
        for index in range(self.page.locator("dialog .keys li").count()):
            self.page.get_by_role("button", name="Export").nth(index).click()
            labels = ("Passphrase of the key file", "Passphrase of the key file once more")
            for label, value in ((labels[0], passphrase), (labels[1], passphrase + ".")):
                self.page.get_by_label(label, exact=True).fill(value)
            own = self.page.get_by_label("Passphrase of this browser")
            # a slip in either field saves nothing
            own.fill(PASSPHRASE + ".")
            self.page.get_by_role("button", name="Save the key file").click()
            self.page.wait_for_selector("dialog >> text=The two passphrases differ")
            self.page.get_by_label(labels[1], exact=True).fill(passphrase)
            self.page.get_by_role("button", name="Save the key file").click()
            self.page.wait_for_selector("dialog >> text=passphrase of this browser is wrong")
            own.fill(PASSPHRASE)
            with self.page.expect_download() as download:
                self.page.get_by_role("button", name="Save the key file").click()
            targets.append(folder / f"exported-{index}.key")
            download.value.save_as(targets[-1])
        self.page.keyboard.press("Escape")
        return targets

    def stored(self) -> dict[str, bytes]:
        """The bytes and texts of each item in the browser's database, by its name."""
        items: dict[str, str] = self.page.evaluate(_STORED)
        return {name: base64.b64decode(content) for name, content in items.items()}

    def uploaded_keys(self) -> list[str]:
        """Elements of the keys that the tab has sent so far."""
        puts = [r for r in self.requests if r.method == "PUT" and "/keys/" in r.url]
        return [urlsplit(request.url).path.rsplit("/", 1)[1] for request in puts]

    def assert_clean(self) -> None:
        """No error in the page, and nobody asked but the service."""
        assert self.complaints == []
        assert self.page.query_selector(".late") is None  # for browsers that cannot run the page
        own = urlsplit(self.url).netloc
        foreign = [r.url for r in self.requests if r.url.startswith("http")]
        assert [url for url in foreign if urlsplit(url).netloc != own] == []


@contextlib.contextmanager
def second_tab(tab: PortalTab) -> Iterator[PortalTab]:
    """Another tab of the same browser."""
    page = tab.page.context.new_page()
    try:
        yield PortalTab(page, tab.url, tab.token, tab._screenshots)
    finally:
        page.close()
