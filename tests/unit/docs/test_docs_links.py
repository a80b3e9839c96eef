"""Links resolve; files, modules and make targets that pages name exist; records are numbered."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pages import PAGES, ROOT, name, prose, shell_commands

_LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
_CODE = re.compile(r"`([^`\n]+)`")
_REPOSITORY_PATH = re.compile(r"(?:src|tests|docs|native|requirements|benchmarks)/[\w./-]*")
_SOURCE_FILE = re.compile(r"[\w/]+\.py")
_MODULE = re.compile(r"safelight(?:\.[a-z_0-9]+)+(?:\.[A-Z]\w*)?")
_RECORDS = sorted((ROOT / "docs" / "adr").glob("[0-9]*.md"))


def anchors(page: Path) -> set[str]:
    """Anchors of a page's headings, as the usual renderers make them."""
    titles = re.findall(r"^#+ (.+)$", prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_resolve(page: Path) -> None:
    for link in _LINK.findall(prose(page)):
        if re.match(r"[a-z]+:", link):
            continue
        target, _, anchor = link.partition("#")
        found = (page.parent / target).resolve() if target else page
        assert found.exists(), f"{link} leads nowhere"
        assert found.is_relative_to(ROOT), f"{link} leaves the repository"
        assert not anchor or anchor in anchors(found), f"{link}: no such heading"


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_files_and_modules_exist(page: Path) -> None:
    sources = [path.relative_to(ROOT).as_posix() for path in (ROOT / "src").rglob("*.py")]
    tests = [path.relative_to(ROOT).as_posix() for path in (ROOT / "tests").rglob("*.py")]
    for code in _CODE.findall(prose(page)):
        if _REPOSITORY_PATH.fullmatch(code):
            assert (ROOT / code).exists(), f"there is no {code}"
        elif _SOURCE_FILE.fullmatch(code):
            known = [path for path in (*sources, *tests) if f"/{path}".endswith(f"/{code}")]
            assert known, f"there is no file {code}"
        elif _MODULE.fullmatch(code):
            assert _is_there(code), f"there is no {code}"


def _is_there(dotted: str) -> bool:
    """Whether a dotted name is a package, a module, or a name that one of them defines."""
    path = ROOT / "src" / Path(*dotted.split("."))
    if path.is_dir() or path.with_suffix(".py").is_file():
        return True
    if dotted == "safelight._native":  # compiled
        return (ROOT / "native" / "bindings.cpp").is_file()
    home, word = path.parent, path.name
    files = [home / "__init__.py", home.with_suffix(".py")]
    return any(
        re.search(rf"\b{re.escape(word)}\b", file.read_text("utf-8"))
        for file in files
        if file.is_file()
    )


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_make_targets_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    named = re.findall(r"^make ([a-z-]+)", "\n".join(shell_commands(page)), re.MULTILINE)
    named += re.findall(r"`make ([a-z-]+)`", prose(page))
    assert set(named) <= targets


def test_decision_records_are_numbered_and_listed() -> None:
    numbers = [path.name[:4] for path in _RECORDS]
    assert numbers == [f"{number:04}" for number in range(1, len(_RECORDS) + 1)]
    index = (ROOT / "docs" / "adr" / "README.md").read_text("utf-8")
    assert re.findall(r"\| \[(\d{4})\]\(([\w.-]+)\)", index) == [
        (path.name[:4], path.name) for path in _RECORDS
    ]


@pytest.mark.parametrize("record", _RECORDS, ids=name)
def test_a_decision_record_has_its_parts(record: Path) -> None:
    text = record.read_text("utf-8")
    assert text.startswith(f"# {record.name[:4]} ")
    titles = re.findall(r"^## (.+)$", text, re.MULTILINE)
    assert [t for t in titles if t != "Tests"] == ["Context", "Decision", "Consequences", "Sources"]
    consequences = text.split("## Consequences")[1]
    assert "- Bad:" in consequences, "a decision without a price was none"


def test_every_page_of_docs_is_reached_from_the_index() -> None:
    reached, waiting = set(), [ROOT / "docs" / "index.md"]
    while waiting:
        page = waiting.pop()
        reached.add(page)
        for link in _LINK.findall(prose(page)):
            target = (page.parent / link.partition("#")[0]).resolve()
            if target.suffix == ".md" and target.is_file() and target not in reached:
                waiting.append(target)
    assert {path for path in PAGES if (ROOT / "docs") in path.parents} <= reached
