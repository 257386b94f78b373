"""A nonce lives one to two slots, for one secret and one memory of uses."""

import pytest
from segue.nonce import Nonces

NOW = 1_800_000_000
NONCES = Nonces(b"s" * 32)


@pytest.mark.requirement("XD-DPOP-09", "RFC9449-8-c")
@pytest.mark.parametrize(("later", "good"), [(0, True), (59, True), (60, True), (119, True), (120, False), (-1, False)])
def test_a_nonce_lives_until_the_end_of_the_next_slot(later: int, good: bool) -> None:
    assert NONCES.accepts(NONCES.issue(NOW, b"i"), NOW + later, b"i") is good


@pytest.mark.requirement("XD-DPOP-10", "RFC9449-8-a")
def test_a_nonce_of_another_secret_is_not_accepted() -> None:
    assert not NONCES.accepts(Nonces(b"t" * 32).issue(NOW, b"i"), NOW, b"i")


@pytest.mark.requirement("XD-DPOP-05", "XD-DPOP-10")
def test_a_nonce_dies_with_the_memory_of_uses() -> None:
    assert not NONCES.accepts(NONCES.issue(NOW, b"i"), NOW, b"j")


def test_processes_with_one_secret_agree() -> None:
    assert Nonces(b"s" * 32).accepts(NONCES.issue(NOW, b"i"), NOW, b"i")


@pytest.mark.parametrize("nonce", ["", "x", "é", "\u0661" * 43])
def test_what_is_no_nonce_is_not_accepted(nonce: str) -> None:
    assert not NONCES.accepts(nonce, NOW, b"i")


@pytest.mark.requirement("XD-KEY-04")
def test_a_short_secret_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        Nonces(b"s" * 31)


def test_a_lifetime_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="at least a second"):
        Nonces(b"s" * 32, lifetime=0)
