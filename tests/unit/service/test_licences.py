"""What learned from data without a licence is served on this machine only."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from safelight.errors import InputError
from safelight.models.licence import UNSTATED_LICENCE, may_be_passed_on
from safelight.service.licences import check_licences
from safelight.service.settings import Settings


def folder(path: Path, licence: object) -> Path:
    path.mkdir()
    (path / "model.json").write_text(json.dumps({"data": {"licence": licence}}))
    return path


def test_served_beyond_this_machine_only_with_a_licence(tmp_path: Path) -> None:
    unstated = folder(tmp_path / "a", UNSTATED_LICENCE)
    free = folder(tmp_path / "b", "CC0")
    assert not may_be_passed_on(str(folder(tmp_path / "older", "")))
    models = (str(unstated), str(free), "wdbc-logistic")
    check_licences(Settings(tmp_path, models=models))
    outside = {"host": "10.0.0.1", "insecure_http": True}
    check_licences(Settings(tmp_path, models=models[1:], **outside))  # type: ignore[arg-type]
    check_licences(Settings(tmp_path, **outside))  # type: ignore[arg-type]
    for named in ({"models": models}, {"deep_models": ((None, unstated),)}):
        with pytest.raises(InputError, match="1 of the models") as caught:
            check_licences(Settings(tmp_path, **outside, **named))  # type: ignore[arg-type]
        assert "127.0.0.1" in caught.value.hint


def test_a_damaged_description_is_left_to_who_loads_it(tmp_path: Path) -> None:
    (folder(tmp_path / "a", "CC0") / "model.json").write_text("{")
    assert may_be_passed_on(str(tmp_path / "a"))
