"""The bootstrap file says who a peer is, and bad ones are refused whole."""

from __future__ import annotations

from pathlib import Path

import pytest

from sextet.bootstrap import read
from sextet.model.schema import Refused

GOOD = 'address = "127.0.0.1"\nstate_dir = "s"\nrun_dir = "r"\ncertificate = "c"\nprivate_key = "k"\ntrusted = "t"\n'


def test_a_bootstrap_file_fills_in_the_standard_ports(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text(GOOD)
    found = read(tmp_path / "b.toml")
    assert (found.cluster_port, found.https_port, found.state_dir) == (4372, 8443, Path("s"))


def test_every_problem_of_a_bootstrap_file_is_named_at_once(tmp_path: Path) -> None:
    (tmp_path / "b.toml").write_text('address = "nowhere"\nhttps_port = "x"\ncolour = 1\n')
    with pytest.raises(Refused) as refused:
        read(tmp_path / "b.toml")
    assert {p.field for p in refused.value.problems} == {
        "address",
        "https_port",
        "colour",
        "state_dir",
        "run_dir",
        "certificate",
        "private_key",
        "trusted",
    }


def test_a_file_that_is_not_there_is_refused_with_its_name(tmp_path: Path) -> None:
    with pytest.raises(Refused, match="missing.toml"):
        read(tmp_path / "missing.toml")
