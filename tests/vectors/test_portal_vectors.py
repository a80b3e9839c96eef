"""python.json is what its script makes; portal/tests reads it."""

from __future__ import annotations

import json

import make_portal_vectors


def test_portal_vectors_are_what_the_script_makes() -> None:
    stored = json.loads(make_portal_vectors.PATH.read_text(encoding="utf-8"))
    made = json.loads(make_portal_vectors.text())
    for picture in (*stored["png"], *made["png"]):
        del picture["file"]  # zlib may compress in another way
    assert stored == made
