"""System > Clustering: the list that moves up, and one page for each job on it."""

from __future__ import annotations

from tests.support.fake_peer import FakePeer
from tests.support.fake_web import ADMINISTRATORS
from tests.support.web_client import Browser, fields_of, words_of

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


def test_that_peers_may_join_is_said_only_while_one_is_missing() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    browser.face.enrolment_s = 600.0
    joining = "Listed peers may join for another 10 min"
    assert joining not in words_of(browser.get(CLUSTERING)), "all are there"
    browser.face.silence(3)
    assert joining in words_of(browser.get(CLUSTERING))


LIST = "/system/clustering/list"


def confirmed(browser: Browser, page: str) -> str:
    fields = posted(page)
    return words_of(browser.send(LIST, fields).text)


def posted(page: str) -> dict[str, str]:
    """Read the fields of the form that confirms."""
    form = next(form for form in page.split("<form")[1:] if 'name="before"' in form)
    return fields_of(f'<form action="x"{form}', "x")


def test_a_removal_is_shown_before_it_is_done() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    assert f"{LIST}?job=remove&amp;peer=2" in browser.get(CLUSTERING)
    page = browser.get(f"{LIST}?job=remove&peer=2")
    words = words_of(page)
    assert "Remove a peer: expc02.apolo.local" in words
    assert (
        "expc02.apolo.local clears its own peer list" in words
        and "expc02.apolo.local has 1 registration and 0 calls." in words
    )
    assert not browser.lists.peer.done
    assert "The peer list is 1 expc01.apolo.local, 2 expc03.apolo.local now." in confirmed(browser, page)
    (job, user) = browser.lists.peer.done[0]
    assert (job.verb, job.peer, user) == ("remove", 2, "admin")


def test_what_cannot_be_done_is_said_with_all_its_reasons_and_offers_nothing_to_confirm() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    page = browser.client.get(f"{LIST}?job=remove&peer=1")
    assert page.status_code == 422 and 'name="before"' not in page.text
    assert "make another peer the primary first" in words_of(page.text)


def test_an_address_is_asked_for_and_what_is_wrong_with_it_said_beside_it() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    asked = browser.get(f"{LIST}?job=replace&peer=2")
    assert "Which system takes its place?" in words_of(asked)
    wrong = browser.client.get(f"{LIST}?job=replace&peer=2&address=expc03.apolo.local")
    assert "is peer 3 already" in words_of(wrong.text) and 'value="expc03.apolo.local"' in wrong.text
    page = browser.get(f"{LIST}?job=replace&peer=2&address=expc04.apolo.local")
    assert "sextet cluster set-list expc01.apolo.local expc04.apolo.local expc03.apolo.local" in words_of(page)
    assert "2 expc04.apolo.local" in confirmed(browser, page)


def test_a_list_that_changed_since_it_was_shown_is_shown_again_first() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    fields = posted(browser.get(f"{LIST}?job=remove&peer=2"))
    browser.save(CLUSTERING, peer_4_address="expc04.apolo.local")
    assert "The peer list was changed meanwhile" in words_of(browser.send(LIST, fields).text)
    assert not browser.lists.peer.done


def test_who_may_only_look_sees_what_it_would_do_and_does_not_do_it() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).read_only()
    page = browser.get(f"{LIST}?job=remove&peer=2")
    assert "read-only" in confirmed(browser, page)
    assert not browser.lists.peer.done


def test_a_subordinate_points_to_the_primary() -> None:
    browser = Browser(FakePeer.busy(2, ADMINISTRATORS)).log_in()
    page = browser.get(CLUSTERING)
    assert f"{LIST}?job=remove" not in page
    assert "in one step on the configuration primary, expc01" in words_of(page)


def test_a_page_for_no_job_is_no_page() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    for query in ("", "?job=explode", "?job=remove&peer=x", "?job=remove&peer=-1"):
        assert browser.client.get(f"{LIST}{query}").status_code == 404


def test_the_primary_of_others_does_not_leave_them() -> None:
    browser = Browser(FakePeer.busy(1, ADMINISTRATORS)).log_in()
    empty = {f"peer_{n}_address": "" for n in range(1, 7)}
    words = words_of(browser.save(CLUSTERING, **empty).text)
    assert "is the configuration primary of other peers" in words
    assert browser.face.saved.clustering.peers
