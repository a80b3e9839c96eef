"""Names of models: whatever a file is called, the model's name can be served."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from safelight.errors import InputError
from safelight.models.model_name import NAME, check_name, name_from


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("My Däta (1)", "my-data-1"),
        ("breastmnist_64", "breastmnist-64"),
        ("../x", "x"),
        ("数据", "trained"),
        ("", "trained"),
        ("a" * 80, "a" * 64),
    ],
)
def test_names_of_files(text: str, name: str) -> None:
    assert name_from(text, otherwise="trained") == name


@given(st.text(max_size=100))
def test_any_text_gives_a_name_that_is_allowed(text: str) -> None:
    found = name_from(text, "wide", "trained", otherwise="x")
    assert NAME.fullmatch(found)
    assert found.endswith("-wide-trained")


@pytest.mark.parametrize("name", ["../x", "A", "", "-a", "a b", "a" * 65])
def test_names_that_are_refused(name: str) -> None:
    with pytest.raises(InputError, match="cannot be the name of a model"):
        check_name(name)
