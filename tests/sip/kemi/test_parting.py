"""What is given back before Kamailio forks."""

from __future__ import annotations

import pytest

from sextet.sip.kemi import parting


def test_another_openssl_is_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parting, "CRYPTO", "libcrypto.so.0")
    parting.part()
