"""CKKS is not IND-CPA-D: shown, and its mitigation."""

from safelight.lab.key_recovery import recover_key


def test_raw_floats_give_the_key_away_and_three_decimals_do_not() -> None:
    found = recover_key()
    assert found.from_raw_floats == 1.0
    assert found.from_rounded < 0.01
