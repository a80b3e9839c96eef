"""The portal when things go wrong: a sentence, nothing lost, never a blank page."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from portal_browser import PortalTab
from test_portal import HELD_OUT

from safelight.service.clients import revoke_client
from service_harness import ServiceProcess
from tampering_proxy import tampering_proxy


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "two.csv"
    path.write_text("\n".join(HELD_OUT.read_text().splitlines()[:3]) + "\n")
    return path


def test_portal_goes_on_after_a_reload_in_the_middle_of_the_keys(
    records: Path, open_tab: Any
) -> None:
    tab: PortalTab = open_tab().set_up()
    tab.add_one(records)

    def third_gets_no_answer(route: Any) -> None:
        if len(tab.uploaded_keys()) < 3:
            route.continue_()
        else:
            route.fetch()  # the service has it, and the page will never hear of it

    tab.page.route("**/v1/keysets/*/keys/*", third_gets_no_answer)
    tab.analyse()
    tab.page.wait_for_selector("#result >> text=/2 of \\d+ keys/")
    while len(tab.uploaded_keys()) < 3:
        tab.page.wait_for_timeout(10)
    tab.screenshot("keys")
    tab.page.unroute_all()
    tab.page.reload()
    tab.unlock()
    tab.wait_for_result()
    sent = tab.uploaded_keys()
    assert len(sent) > 3
    assert len(sent) == len(set(sent))  # no key was made twice
    tab.assert_clean()


def test_portal_waits_for_a_service_that_stops_in_the_middle(
    records: Path, service: ServiceProcess, tab: PortalTab
) -> None:
    tab.add_one(records)

    def accepted_then_killed(route: Any) -> None:
        answer = route.fetch()
        service.kill()
        route.fulfill(response=answer)

    tab.page.route("**/v1/inferences?*", accepted_then_killed)
    tab.analyse()
    tab.page.wait_for_selector("#result >> text=The service does not answer")
    tab.screenshot("service-stopped")
    tab.page.unroute("**/v1/inferences?*")
    service.port = urlsplit(service.url).port or 0
    service.start()
    assert tab.wait_for_result() in ("benign", "malignant")


def test_portal_refuses_an_altered_signature(
    records: Path, service: ServiceProcess, open_tab: Any
) -> None:
    def tamper(method: str, path: str, body: bytes) -> bytes:
        if path.endswith("/result") and method == "GET":
            return body[:40] + bytes([body[40] ^ 1]) + body[41:]
        return body

    with tampering_proxy(service.url, tamper) as url:
        tab: PortalTab = open_tab(url=url).set_up()
        tab.add_one(records)
        tab.analyse()
        tab.page.wait_for_selector("#result .problem")
        assert "signature is false" in tab.page.inner_text("#result .problem")
        assert tab.page.query_selector(".finding") is None
        tab.screenshot("false-signature")
        tab.page.context.close()


def test_portal_with_a_wrong_passphrase(tab: PortalTab, tmp_path: Path) -> None:
    tab.page.reload()
    tab.unlock("not the passphrase")
    assert "passphrase is wrong" in tab.problem()
    tab.screenshot("wrong-passphrase")
    # and no service answers at the start: what is kept is there, and one button tries again
    tab.page.route("**/v1/**", lambda route: route.abort())
    tab.unlock()
    tab.page.wait_for_selector(".workbench")
    tab.page.wait_for_selector(".messages >> text=No service answers")
    text, table = tmp_path / "text.csv", tmp_path / "offline.csv"
    text.write_text("hello,world")
    tab.add(text)
    tab.page.wait_for_selector(".messages >> text=The table has no records")
    table.write_text("feature,value\nx,61\n")
    tab.add_one(table)  # shown as it stands, and checked when the service answers
    tab.page.wait_for_selector(".records >> text=shown as it stands")
    assert "61" in tab.page.inner_text(".records table")
    tab.screenshot("no-service")
    tab.page.unroute("**/v1/**")
    tab.page.get_by_role("button", name="Try again").first.click()
    tab.page.wait_for_selector(".messages >> text=No service answers", state="detached")
    tab.page.wait_for_selector(".records >> text=features")
    tab.page.get_by_role("button", name="Delete: offline.csv").click()
    tab.page.get_by_role("button", name="Yes, go on").click()
    tab.page.wait_for_selector(".worklist li >> text=offline.csv", state="detached")


def test_portal_with_a_token_that_was_revoked(
    records: Path, service: ServiceProcess, open_tab: Any
) -> None:
    tab: PortalTab = open_tab().set_up()
    tab.add_one(records)
    revoke_client(service.data, tab.client_name)
    tab.analyse()
    tab.page.wait_for_selector("#result .problem")
    assert "access token" in tab.page.inner_text("#result .problem")
    tab.page.get_by_role("button", name="Service").first.click()
    tab.page.get_by_label("Another access token").fill(service.client("successor").token)
    tab.page.get_by_role("button", name="Use this token").click()
    tab.page.get_by_role("button", name="Try again").last.click()
    assert tab.wait_for_result() in ("benign", "malignant")
