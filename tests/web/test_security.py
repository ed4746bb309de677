"""Maintenance > Security as a browser without JavaScript sees it."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography import x509

from sextet.lab.authority import issue, new_authority
from sextet.web import guard
from sextet.web.pages import security
from tests.support.certificate_lab import crl, signed
from tests.support.web_client import Browser, fields_of, words_of

NOW = datetime.now(UTC)  # certificates speak of moments
ROOT = new_authority("Root", NOW)
NAMES = ["expc01.apolo.local", "expc-cluster.apolo.local"]


@pytest.fixture
def browser() -> Browser:
    return Browser().log_in()


def send(browser: Browser, path: str, **files: bytes) -> str:
    """Choose files in the form of a page, and press its button."""
    where = path.removesuffix("#check")
    fields = fields_of(browser.get(where), "/logout")
    more: dict[str, Any] = {"files": {name: (f"{name}.pem", data) for name, data in files.items()}}
    pressed = {"check": "on"} if path.endswith("#check") else {}
    return words_of(browser.send(where, {"csrf": fields["csrf"], **pressed}, **more).text)


def test_the_page_shows_what_is_wrong_with_the_certificate(browser: Browser) -> None:
    page = words_of(browser.get(security.SERVER))
    assert "Certificate: Invalid (Common Name in certificate does not match)" in page
    assert "leads to no trusted CA" in page
    assert "Peer 1 address expc01.apolo.local ✘ no" in page and "Peer 2 address expc02.apolo.local ○" in page


def test_a_request_is_made_downloaded_answered_and_done(browser: Browser) -> None:
    made = f"{security.SERVER}/request"
    fields = {**fields_of(browser.get(security.SERVER), made), "key": "EC P-256"}
    assert "is made" in words_of(browser.send(made, fields).text)
    page = browser.get(security.SERVER)
    assert "Signing request in progress" in page and "Generate CSR" not in page
    pem = browser.get(made)
    assert x509.load_pem_x509_csr(pem.encode()).is_signature_valid and "PRIVATE" not in pem
    assert "Trusted from now on: CN=Root" in send(browser, security.TRUSTED, certificates=ROOT.pem)
    answer = signed(ROOT, pem.encode(), NOW)
    assert "Nothing was stored" in send(browser, f"{security.SERVER}#check", certificate=answer)
    page = send(browser, security.SERVER, certificate=answer)
    assert "in use for every new connection" in page and "Certificate: Valid" in page
    assert "Generate CSR" in page
    assert "a signing request was made" in browser.journal.of("Certificate Management")[0]["Detail"]


def test_a_request_with_problems_keeps_what_was_typed_and_one_can_be_discarded(browser: Browser) -> None:
    made = f"{security.SERVER}/request"
    fields = {**fields_of(browser.get(security.SERVER), made), "more_names": "bare", "unit": "Rooms"}
    answer = browser.send(made, fields)
    assert answer.status_code == 422 and "is no FQDN" in words_of(answer.text)
    assert 'value="bare"' in answer.text and 'value="Rooms"' in answer.text
    browser.send(made, {**fields, "more_names": "", "key": "EC P-256"})
    discard = f"{security.SERVER}/discard"
    assert "are discarded" in words_of(browser.send(discard, fields_of(browser.get(security.SERVER), discard)).text)
    assert "No signing request is pending" in words_of(browser.client.get(made).text)


def test_a_refused_upload_says_why_in_the_originals_words(browser: Browser) -> None:
    given = issue(ROOT, ["expc01"], NOW, common_name="expc01")
    page = send(browser, security.SERVER, certificate=given.pem, private_key=given.key_pem)
    assert "File upload failed.: Subject alternative name must be a valid FQDN (expc01)" in page
    assert "File upload failed.: Common name must be a valid FQDN (expc01)" in page
    assert "No file was chosen" in send(browser, security.SERVER, private_key=given.key_pem)


def test_how_long_the_certificate_is_valid_is_one_sentence_in_chinese(browser: Browser) -> None:
    page = words_of(browser.client.get(security.SERVER, headers={"accept-language": "zh-TW"}).text)
    assert re.search(r"UTC，剩餘 \d+ 天", page) and " left" not in page


def test_authorities_and_revocation_lists_come_and_go(browser: Browser) -> None:
    send(browser, security.TRUSTED, certificates=ROOT.pem)
    gone = issue(ROOT, NAMES, NOW)
    page = send(browser, security.CRL, crl=crl(ROOT, NOW, gone.certificate))
    assert "1 certificate is revoked by CN=Root" in page
    assert "revoked" in send(browser, security.SERVER, certificate=gone.pem, private_key=gone.key_pem)
    for path in (f"{security.CRL}/remove", f"{security.TRUSTED}/remove"):
        page = browser.send(path, fields_of(browser.get(path.removesuffix("/remove")), path)).text
    assert "CN=Root is not trusted any more" in words_of(page)
    assert "No CRL was uploaded" in browser.get(security.CRL)


def test_a_reader_changes_nothing_and_a_form_without_token_or_too_large_is_refused() -> None:
    reader = Browser().read_only()
    given = issue(ROOT, NAMES, NOW)
    page = send(reader, security.SERVER, certificate=given.pem, private_key=given.key_pem)
    assert "is read-only" in page
    files = {"certificate": ("c.pem", given.pem)}
    assert reader.client.post(security.SERVER, files=files).status_code == 403
    large = {"certificate": ("c.pem", b"x" * (security.CERTIFICATE_BYTES_MAX + 1))}
    assert reader.client.post(security.SERVER, files=large).status_code == 413
    many = [(f"f{n}", ("c.pem", b"x")) for n in range(guard.UPLOADS_MAX + 1)]
    assert reader.client.post(security.SERVER, files=many).status_code == 400
    assert reader.client.post("/maintenance/restart", files=files).status_code == 415, "other forms take no files"
