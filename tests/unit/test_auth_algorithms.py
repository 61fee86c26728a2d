"""Pinned means pinned: a registry knows the algorithms it was given, and "none" never."""

from __future__ import annotations

import pytest
from joserfc.errors import UnsupportedAlgorithmError

from fraiseql_strawberry.auth.algorithms import SUPPORTED, WITH_SECRET, PinnedAlgorithms


@pytest.mark.parametrize("name", SUPPORTED)
def test_a_pinned_algorithm_is_found_without_a_warning(name: str) -> None:
    assert PinnedAlgorithms((name,), 8_192).get_alg(name).name == name


@pytest.mark.parametrize("name", SUPPORTED)
def test_every_other_is_refused(name: str) -> None:
    others = tuple(other for other in SUPPORTED if other != name)
    with pytest.raises(UnsupportedAlgorithmError):
        PinnedAlgorithms(others, 8_192).get_alg(name)


@pytest.mark.parametrize("name", ["none", "ES256K", "dir", ""])
def test_what_is_not_supported_cannot_be_pinned(name: str) -> None:
    with pytest.raises(UnsupportedAlgorithmError):
        PinnedAlgorithms((name,), 8_192).get_alg(name)


def test_only_hmac_signs_with_a_secret() -> None:
    assert [name for name in SUPPORTED if name.startswith("HS")] == list(WITH_SECRET)
