"""A headless Chromium for the portal, where there is one."""

from __future__ import annotations

import os
import re
import secrets
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from portal_browser import MODELS, PortalTab

from safelight.service.portal import portal_is_built
from service_harness import ServiceProcess

SCREENSHOTS = Path(__file__).parent.parent.parent / "out" / "portal"
DESKTOP = {"width": 1280, "height": 800}


def chromium_path() -> str:
    """Where the browser is; skips with the reason where a part is missing."""
    if not portal_is_built():
        pytest.skip("the portal is not built: `make portal-build`")
    path = os.environ.get("SAFELIGHT_CHROMIUM") or shutil.which("chromium")
    if path is None:
        pytest.skip("Chromium is not installed: apt install chromium, or set SAFELIGHT_CHROMIUM")
    missing = "Playwright is not installed: pip install -r requirements/portal.txt"
    pytest.importorskip("playwright.sync_api", reason=missing)
    return path


# not for the session: while Playwright is open its event loop runs, and no other test's may
@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """The browser."""
    path = chromium_path()
    playwright = pytest.importorskip("playwright.sync_api")
    with playwright.sync_playwright() as driver:
        # a root user in a container has no sandbox
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = driver.chromium.launch(executable_path=path, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ServiceProcess]:
    """A real service with the two models of the browser's profiles."""
    chromium_path()
    script = ["-m", "safelight.service", *(f"--model={name}" for name in MODELS)]
    process = ServiceProcess(tmp_path_factory.mktemp("portal") / "data", script=script)
    yield process.start()
    process.stop()


OpenTab = Callable[..., PortalTab]


@pytest.fixture
def open_tab(
    chromium: Any, service: ServiceProcess, request: pytest.FixtureRequest
) -> Iterator[OpenTab]:
    """Opens the portal in a fresh browser profile: ``open_tab(url=…, viewport=…)``."""
    contexts = []
    # a name of its own: parametrised tests share all but the last part of theirs
    client_name = f"{secrets.token_hex(4)}-{re.sub(r'[^a-z0-9]', '-', request.node.name[:40])}"
    client = service.client(client_name)

    def opened(url: str | None = None, viewport: dict[str, int] = DESKTOP) -> PortalTab:
        context = chromium.new_context(viewport=viewport, accept_downloads=True)
        contexts.append(context)
        tab = PortalTab(context.new_page(), url or service.url, client.token, SCREENSHOTS)
        tab.client_name = client_name
        return tab

    yield opened
    for context in contexts:
        context.close()
