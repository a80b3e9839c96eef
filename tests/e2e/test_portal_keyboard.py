"""The whole flow of the portal with a keyboard alone: every stop is reached and shows its focus."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from portal_browser import PASSPHRASE, PortalTab
from test_portal import HELD_OUT

MOST_STOPS = 80
FOCUSED = """() => {
  const at = document.activeElement;
  const label = at.labels?.[0]?.innerText ?? "";
  const style = getComputedStyle(at);
  return {
    name: (at.getAttribute("aria-label") ?? (label || at.innerText || "")).trim(),
    outline: style.outlineStyle === "none" ? 0 : parseFloat(style.outlineWidth),
    height: at.getBoundingClientRect().height,
  };
}"""

# What the page asks of its workers from now on; this outlives a reload.
NOTE_CALLS = """() => {
  const { postMessage } = Worker.prototype;
  Worker.prototype.postMessage = function (message, ...rest) {
    sessionStorage.calls = message.method;
    return postMessage.call(this, message, ...rest);
  };
}"""


def tab_to(tab: PortalTab, name: str) -> None:
    """Presses Tab until something of this name has the focus, which must be seen."""
    for _ in range(MOST_STOPS):
        tab.page.keyboard.press("Tab")
        focused: dict[str, Any] = tab.page.evaluate(FOCUSED)
        if focused["name"] == name:
            assert focused["outline"] >= 2, name
            assert focused["height"] >= 24, name  # WCAG 2.2, 2.5.8
            return
    raise AssertionError(f"Tab never reaches {name!r}")


def in_sight(tab: PortalTab, text: str) -> bool:
    """Whether a text is on the screen without scrolling."""
    box = tab.page.get_by_text(text, exact=True).bounding_box()
    return box is not None and box["y"] + box["height"] <= tab.page.viewport_size["height"]


def test_portal_by_keyboard_alone(open_tab: Any, tmp_path: Path) -> None:
    records = tmp_path / "two.csv"
    records.write_text("\n".join(HELD_OUT.read_text().splitlines()[:3]) + "\n")
    tab: PortalTab = open_tab()
    keyboard = tab.page.keyboard
    # choosers are caught from now on: the first wait for one begins too late for a slow browser
    tab.page.on("filechooser", lambda _: None)
    tab.page.goto(tab.url)
    tab.page.wait_for_selector("form")
    assert in_sight(tab, "Research use, not a medical device")
    assert in_sight(tab, "Create keys and begin")
    tab.screenshot("create")
    for name, value in (
        ("Access token", tab.token),
        ("Passphrase", PASSPHRASE),
        ("Passphrase once more", PASSPHRASE),
    ):
        tab_to(tab, name)
        keyboard.type(value)
    keyboard.press("Enter")
    tab.page.wait_for_selector(".workbench")

    tab_to(tab, "Add files")
    with tab.page.expect_file_chooser() as chooser:
        keyboard.press("Enter")
    chooser.value.set_files(str(records))
    tab.page.wait_for_selector(".worklist li.chosen >> text=two.csv")
    tab_to(tab, "About this model")
    keyboard.press("Enter")
    tab.page.wait_for_selector("dialog >> text=Intended use")
    tab.screenshot("card")
    keyboard.press("Escape")
    tab.page.wait_for_selector("dialog", state="detached")
    assert tab.page.evaluate(FOCUSED)["name"] == "About this model"  # back where it was
    keyboard.press("Shift+Tab")
    assert tab.page.evaluate(FOCUSED)["name"] == "Analyse"
    keyboard.press("Enter")
    assert tab.wait_for_result() in ("benign", "malignant")
    tab_to(tab, "Report (JSON)")
    with tab.page.expect_download() as download:
        keyboard.press("Enter")
    assert len(json.loads(Path(download.value.path()).read_text())["findings"]) == 2

    tab_to(tab, "Delete: two.csv")
    keyboard.press("Enter")
    tab_to(tab, "Yes, go on")
    keyboard.press("Enter")
    tab.page.wait_for_selector(".worklist >> text=Nothing here yet")
    tab.page.evaluate(NOTE_CALLS)
    tab_to(tab, "Lock")
    keyboard.press("Enter")
    tab.page.wait_for_selector("text=Unlock")
    # the keys were overwritten first: the browser's process outlives the page
    assert tab.page.evaluate("sessionStorage.calls") == "forget"
    assert in_sight(tab, "Research use, not a medical device")
    tab.screenshot("unlock")
    tab.assert_clean()
