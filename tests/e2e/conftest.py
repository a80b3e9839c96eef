"""A headless Chromium for the portal, where there is one."""

from __future__ import annotations

import contextlib
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


@contextlib.contextmanager
def browser_profiles(chromium: Any, service: ServiceProcess, name: str) -> Iterator[OpenTab]:
    """Opens tabs, each in a profile and with a token of its own; closes them in the end."""
    contexts = []

    def opened(url: str | None = None, viewport: dict[str, int] = DESKTOP) -> PortalTab:
        context = chromium.new_context(viewport=viewport, accept_downloads=True)
        contexts.append(context)
        # a name of its own: parametrised tests share all but the last part of theirs
        client = f"{secrets.token_hex(4)}-{re.sub(r'[^a-z0-9]', '-', name[:40])}"
        token = service.client(client).token
        tab = PortalTab(context.new_page(), url or service.url, token, SCREENSHOTS)
        tab.client_name = client
        return tab

    try:
        yield opened
    finally:
        for context in contexts:
            context.close()


@pytest.fixture
def open_tab(
    chromium: Any, service: ServiceProcess, request: pytest.FixtureRequest
) -> Iterator[OpenTab]:
    """Opens the portal in a fresh browser profile: ``open_tab(url=…, viewport=…)``."""
    with browser_profiles(chromium, service, request.node.name) as opened:
        yield opened


@pytest.fixture(scope="module")
def shared_tab(chromium: Any, service: ServiceProcess) -> Iterator[PortalTab]:
    """One tab whose vault, keys and worklist the tests of a module share."""
    with browser_profiles(chromium, service, "shared") as opened:
        yield opened().set_up()


@pytest.fixture
def tab(shared_tab: PortalTab) -> Iterator[PortalTab]:
    """The module's tab, left as the next test may expect it."""
    yield shared_tab
    page = shared_tab.page
    page.unroute_all()
    while page.locator("dialog").count() > 0:
        page.locator("dialog").last.press("Escape")
    while page.get_by_role("button", name="Dismiss").count() > 0:
        page.get_by_role("button", name="Dismiss").first.click()
    page.set_viewport_size(DESKTOP)
