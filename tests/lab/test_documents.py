"""What a peer is given before its first start is complete, the same on all peers, and secret where it must be."""

from __future__ import annotations

import dataclasses
import json
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography import x509

from sextet import bootstrap
from sextet.admin import passwords
from sextet.lab.documents import new_secrets, write
from sextet.lab.plan import Plan, plan
from sextet.model.config import from_document, peer_part, shared_part


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Plan:
    directory = tmp_path_factory.mktemp("lab")
    made = plan(3, directory / "s", Path("/tmp/unused"))
    made = dataclasses.replace(
        made,
        run_dir=directory / "r",
        peers=tuple(dataclasses.replace(peer, run_dir=directory / "r" / f"peer{peer.number}") for peer in made.peers),
    )
    write(made, SECRETS, "", datetime(2030, 1, 1, tzinfo=UTC))
    return made


SECRETS = new_secrets()


def test_the_bootstrap_file_is_one_that_a_peer_reads(written: Plan) -> None:
    second = written.peers[1]
    read = bootstrap.read(second.bootstrap)
    assert (read.address, read.cluster_port, read.https_port, read.lab) == ("127.77.0.2", 4372, 8443, True)
    assert (read.state_dir, read.run_dir) == (second.state_dir, second.run_dir)
    assert read.certificate.exists()
    assert read.private_key.exists()
    assert read.trusted.read_bytes() == written.authority.read_bytes()


def test_the_first_configurations_differ_only_in_who_a_peer_is(written: Plan) -> None:
    documents = [json.loads((peer.state_dir / "initial.json").read_text()) for peer in written.peers]
    assert all(shared_part(document) == shared_part(documents[0]) for document in documents)
    assert all(peer_part(document)["clustering"] == peer_part(documents[0])["clustering"] for document in documents)
    assert [document["system"]["dns_host_name"] for document in documents] == ["expc01", "expc02", "expc03"]


def test_the_first_configuration_is_valid_and_names_all_peers_and_users(written: Plan) -> None:
    root = from_document(json.loads((written.peers[0].state_dir / "initial.json").read_text()))
    assert root.clustering.peers == ("expc01.apolo.local", "expc02.apolo.local", "expc03.apolo.local")
    assert {credential.name: credential.password for credential in root.credentials} == SECRETS.users
    assert passwords.matches(SECRETS.administrator, root.administrators[0].password_hash)
    assert [rule.name for rule in root.search_rules] == ["LocalZoneMatch"]


def test_certificates_name_the_cluster_and_the_peer(written: Plan) -> None:
    certificate = x509.load_pem_x509_certificate((written.peers[2].state_dir / "certificate.pem").read_bytes())
    names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    assert certificate.subject.rfc4514_string() == "CN=expc-cluster.apolo.local"
    assert names.get_values_for_type(x509.DNSName) == ["expc03.apolo.local", "expc-cluster.apolo.local"]


def test_secrets_can_be_read_by_their_owner_only(written: Plan) -> None:
    for peer in written.peers:
        assert peer.state_dir.stat().st_mode & 0o777 == 0o700
        for name in ("initial.json", "bootstrap.toml", "private_key.pem"):
            assert (peer.state_dir / name).stat().st_mode & 0o777 == 0o600
    assert written.authority.stat().st_mode & 0o777 == 0o644
    assert b"PRIVATE" not in written.authority.read_bytes()


def test_each_lab_draws_its_own_passwords() -> None:
    drawn = {new_secrets().administrator for _ in range(10)} | {new_secrets().users["alice"] for _ in range(10)}
    assert len(drawn) == 20
