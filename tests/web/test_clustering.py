"""System > Clustering: the list that moves up, and one page for each job on it."""

from __future__ import annotations

from tests.support.fake_peer import FakePeer
from tests.support.fake_web import ADMINISTRATORS
from tests.support.web_client import Browser, words_of

CLUSTERING = "/system/clustering"


def test_a_primary_that_moves_up_in_the_list_is_not_asked_whether_this_peer_shall_be_it() -> None:
    """Facts 1.6 E: expc01 is taken off, expc03 was peer 3 and is peer 2; this system was peer 2."""
    face = FakePeer.busy(2, ADMINISTRATORS)
    face.primary = 3
    rows = {"peer_1_address": face.address(2), "peer_2_address": face.address(3), "peer_3_address": ""}
    browser = Browser(face).log_in()
    browser.save(CLUSTERING, configuration_primary="3")
    answer = browser.save(CLUSTERING, configuration_primary="2", **rows)
    assert str(answer.url).endswith(CLUSTERING), words_of(answer.text)
    assert face.saved.clustering.peers == (face.address(2), face.address(3))
