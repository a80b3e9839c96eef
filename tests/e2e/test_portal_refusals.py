"""The portal before a service that refuses and a disk that is full: nothing is lost."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from portal_browser import RECORDS, PortalTab
from test_portal import HELD_OUT

from safelight.models.registry import compiled_model
from service_harness import ServiceProcess

FINDINGS = ("benign", "malignant")


@pytest.fixture
def records(tmp_path: Path) -> Path:
    path = tmp_path / "two.csv"
    path.write_text("\n".join(HELD_OUT.read_text().splitlines()[:3]) + "\n")
    return path


@contextmanager
def answered(tab: PortalTab, pattern: str, method: str, status: int, code: str) -> Iterator[None]:
    """Has requests answered by a refusal, as the service writes one."""

    def refuse(route: Any) -> None:
        if route.request.method != method:
            route.fallback()
            return
        body = json.dumps({"status": status, "code": code, "title": "<b>no</b>", "hint": ""})
        route.fulfill(status=status, content_type="application/problem+json", body=body)

    tab.page.route(pattern, refuse)
    yield
    tab.page.unroute(pattern)


def sentence(tab: PortalTab) -> str:
    """What the failed analysis says."""
    tab.page.wait_for_selector("#result .problem")
    said: str = tab.page.inner_text("#result .problem")
    assert "<b>" not in said
    return said


def press_try_again(tab: PortalTab) -> None:
    """In the result's panel; waits until the refusal before is gone."""
    tab.page.locator("#result").get_by_role("button", name="Try again").click()


def test_portal_says_why_the_service_refuses(
    records: Path, service: ServiceProcess, open_tab: Any
) -> None:
    tab: PortalTab = open_tab()

    def with_a_plain_model(route: Any) -> None:
        answer = route.fetch()
        listed = answer.json()
        listed["models"].append({"name": "deep-net", "version": "1", "levels": ["envelope"]})
        route.fulfill(response=answer, json=listed)

    tab.page.route("**/v1/models", with_a_plain_model)
    tab.set_up().add_one(records)
    # one that is not served on ciphertext keeps the others usable
    tab.page.get_by_role("button", name="Service").first.click()
    assert "deep-net" in tab.page.inner_text("dialog")
    # whom it trusts since the first contact is asked once
    assert service.public_key.hex() in tab.page.inner_text("dialog")
    tab.page.get_by_role("button", name="It is the same").click()
    tab.page.wait_for_selector("dialog >> text=Compare it with", state="detached")
    tab.page.keyboard.press("Escape")
    tab.page.wait_for_selector("text=Nobody has compared", state="detached")

    with answered(tab, "**/v1/keysets", "POST", 429, "quota-keysets"):
        tab.analyse()
        assert "keeps no more key sets" in sentence(tab)
    # one that another browser left behind, and nothing here uses
    httpx.post(
        f"{service.url}/v1/keysets",
        headers={"Authorization": f"Bearer {tab.token}"},
        json={"parameters_digest": compiled_model(RECORDS)[1].signature.parameters.digest.hex()},
    ).raise_for_status()
    tab.page.get_by_role("button", name="Service").first.click()
    tab.page.get_by_role("button", name="Delete them").click()
    tab.page.get_by_role("button", name="Yes, go on").click()
    tab.page.wait_for_selector("dialog >> text=They are deleted")
    tab.page.keyboard.press("Escape")
    with answered(tab, "**/v1/keysets/*/keys/*", "PUT", 429, "quota-key-bytes"):
        press_try_again(tab)
        tab.page.wait_for_selector("#result >> text=no more room for your keys")
    with answered(tab, "**/v1/keysets/*/keys/*", "PUT", 507, "storage-full"):
        press_try_again(tab)
        tab.page.wait_for_selector("#result >> text=disk is full")
        assert "First use makes" in tab.page.inner_text(".choice")  # what is refused is not there
        tab.screenshot("service-disk-full")
    with answered(tab, "**/v1/inferences?*", "POST", 404, "unknown-model"):
        press_try_again(tab)
        tab.page.wait_for_selector("#result >> text=does not offer this model")
    press_try_again(tab)
    tab.page.wait_for_selector("#result .finding")
    assert tab.wait_for_result() in FINDINGS
    assert (
        tab.page.evaluate("navigator.serviceWorker.getRegistrations().then((r) => r.length)") == 0
    )
    tab.assert_clean()


def test_portal_never_decrypts_under_another_key(records: Path, open_tab: Any) -> None:
    """The signature would be right and the numbers noise, which looks like a finding."""
    tab: PortalTab = open_tab().set_up()
    tab.add_one(records)
    with answered(tab, "**/v1/inferences/*/result", "GET", 500, "internal"):
        tab.analyse()
        assert "status 500" in sentence(tab)
    tab.page.get_by_role("button", name="Keys", exact=True).click()
    tab.page.locator("dialog").get_by_role("button", name="Delete").click()
    tab.page.get_by_role("button", name="Yes, go on").click()
    tab.page.wait_for_selector("dialog >> text=The key is deleted")
    tab.page.keyboard.press("Escape")
    press_try_again(tab)
    tab.page.wait_for_selector("#result >> text=not in this browser any more")
    assert tab.page.query_selector("#result .finding") is None
    press_try_again(tab)
    tab.page.wait_for_selector("#result .finding")
    assert tab.wait_for_result() in FINDINGS


def test_portal_with_a_full_disk(records: Path, open_tab: Any, tmp_path: Path) -> None:
    tab: PortalTab = open_tab().set_up()
    tab.add_one(records)
    tab.page.evaluate(
        """() => {
          const { put } = IDBObjectStore.prototype;
          globalThis.freeSomeSpace = () => (IDBObjectStore.prototype.put = put);
          IDBObjectStore.prototype.put = () => {
            throw new DOMException("full", "QuotaExceededError");
          };
        }"""
    )
    second = tmp_path / "second.csv"
    second.write_bytes(records.read_bytes())
    tab.add(second)
    assert "is full" in tab.problem()
    assert tab.page.query_selector(".worklist li >> text=second.csv") is None
    tab.page.evaluate("freeSomeSpace() && null")
    tab.page.get_by_role("button", name="Dismiss").click()
    tab.add_one(second)
    tab.page.wait_for_selector(".worklist li >> text=two.csv")

    # full when the answer comes: it is asked for again, the image is not sent again
    tab.page.evaluate(
        """() => {
          const { put } = IDBObjectStore.prototype;
          const ask = globalThis.fetch;
          globalThis.freeSomeSpace = () => {
            IDBObjectStore.prototype.put = put;
            globalThis.fetch = ask;
          };
          globalThis.fetch = async (...request) => {
            if (`${request[0]}`.endsWith("/result")) {
              IDBObjectStore.prototype.put = () => {
                throw new DOMException("full", "QuotaExceededError");
              };
            }
            return ask(...request);
          };
        }"""
    )
    tab.analyse()
    assert "is full" in sentence(tab)
    assert tab.page.query_selector("#result .finding") is None
    tab.page.evaluate("freeSomeSpace()")
    asked = len(submitted(tab))
    press_try_again(tab)
    assert tab.wait_for_result() in FINDINGS
    assert len(submitted(tab)) == asked == 1


def submitted(tab: PortalTab) -> list[Any]:
    """The requests that carried a ciphertext."""
    return [r for r in tab.requests if r.method == "POST" and "/v1/inferences?" in r.url]
