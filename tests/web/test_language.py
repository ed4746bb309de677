"""The pages in another language: who gets which, and that nothing of it is forgotten."""

from __future__ import annotations

import re
from html.parser import HTMLParser

import pytest

from sextet.model import alarms
from sextet.web.catalogue import SENTENCE_MAX, Catalogue, catalogue
from sextet.web.language import CHINESE, ENGLISH, NAMES, wanted
from sextet.web.marking import marked
from sextet.web.menu import MENU
from sextet.web.pages.declared import LIST_PAGES
from tests.support.web_client import Browser, fields_of, words_of

OTHERS = [name for name in NAMES if name != ENGLISH]
KEPT = (
    "Invalid (",
    "Remove this peer from the cluster first.",
)  # states as in the guide; a word of a fake, which nobody says
LIST = "/system/clustering/list"
BELOW = (  # pages that the menu does not lead to
    "/configuration/zones/item?item=London",
    "/system/clustering/primary",
    "/system/clustering/suggested",
    f"{LIST}?job=add",
    f"{LIST}?job=add&address=expc04.apolo.local",
    f"{LIST}?job=remove&peer=3",
    f"{LIST}?job=replace&peer=2&address=expc09.apolo.local",
    f"{LIST}?job=send",
    "/configuration/dial-plan/tests/run",
    "/maintenance/tools/locate?alias=bob@apolo.local",
    "/maintenance/tools/check-pattern?alias=bob&pattern=bo",
    "/maintenance/tools/check-bandwidth?node1=DefaultSubZone&node2=DefaultZone&kbps=999",
)
BARE = re.compile(r"(?:[a-z']{2,} ){3}[a-z']{2,}")  # four English words in a row are a sentence of ours


@pytest.mark.parametrize(
    ("accept", "language"),
    [
        ("zh-TW,zh;q=0.9,en-US;q=0.8,en;q=0.7", CHINESE),
        ("zh-HK", CHINESE),
        ("zh-MO", CHINESE),
        ("zh-Hant", CHINESE),
        ("zh-hant-tw", CHINESE),
        ("fr, zh-Hant-HK;q=0.5", CHINESE),
        ("zh-CN,zh;q=0.9", ENGLISH),
        ("zh", ENGLISH),
        ("zh-Hans-TW", ENGLISH),
        ("zh-SG, zh-TW;q=0", ENGLISH),
        ("en-GB, zh-TW;q=0.9", ENGLISH),
        ("zh-TW;q=0.4, en;q=0.5", ENGLISH),
        ("zh-TW;q=much", ENGLISH),
        ("de-AT", ENGLISH),
        ("", ENGLISH),
    ],
)
def test_a_browser_gets_the_language_that_it_likes_best_of_ours(accept: str, language: str) -> None:
    assert wanted(accept) == language


def test_the_switch_is_kept_and_leads_back_to_the_page() -> None:
    browser = Browser().log_in()
    before = browser.get("/status/calls?filter=alice")
    assert '<html lang="en">' in before
    answer = browser.client.post("/language", data={**fields_of(before, "/language"), "language": CHINESE})
    assert str(answer.url).endswith("/status/calls?filter=alice")
    assert '<html lang="zh-Hant-TW">' in answer.text
    assert "沒有呼叫包含" in browser.get("/status/calls?filter=nobody")
    back = browser.client.post("/language", data={**fields_of(answer.text, "/language"), "language": ENGLISH})
    assert "No call contains" in browser.get("/status/calls?filter=nobody")
    assert '<html lang="en">' in back.text


def test_the_language_is_chosen_before_log_in_too() -> None:
    browser = Browser()
    page = browser.client.get("/login?next=/status/calls")
    answer = browser.client.post("/language", data={**fields_of(page.text, "/language"), "language": CHINESE})
    assert str(answer.url).endswith("/login?next=/status/calls")
    assert "使用者名稱" in answer.text
    assert "使用者名稱或密碼錯誤" in words_of(
        browser.client.post("/login", data={**fields_of(answer.text, "/login"), "user": "x", "password": "x"}).text
    )


def test_a_language_that_we_do_not_have_is_not_kept() -> None:
    browser = Browser().log_in()
    browser.client.post("/language", data={"language": "tlh", "next": "/status/calls"})
    assert '<html lang="en">' in browser.get("/status/calls")


def test_a_switch_of_another_site_is_refused_and_leads_nowhere_else() -> None:
    browser = Browser().log_in()
    sent = {"language": CHINESE, "next": "//evil.example"}
    assert browser.client.post("/language", data=sent, headers={"origin": "https://evil.example"}).status_code == 403
    answer = browser.client.post("/language", data=sent, follow_redirects=False)
    assert answer.headers["location"] == "/status/overview"


def test_refusals_and_messages_are_told_in_the_language_of_the_page() -> None:
    browser = Browser().log_in()
    browser.client.headers["accept-language"] = "zh-TW"
    assert "沒有這個頁面" in browser.client.get("/nowhere").text
    page = browser.get("/system/clustering")
    fields = {**fields_of(page, None), "peer_2_address": "", "cluster_name": "-bad-"}
    told = words_of(browser.client.post("/system/clustering", data=fields).text)
    assert "未儲存任何內容。請修正 2 個問題" in told
    assert "對等體 2 地址" in told
    saved = browser.client.post(
        "/system/clustering", data={**fields_of(page, None), "changes_take_effect": "At restart"}
    )
    assert "3 個對等體中有 3 個已生效" in words_of(saved.text)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("Rule name: has 500 characters; enter 1 to 50.", "規則名稱：有 500 個字元；請輸入 1 到 50 個。"),
        (
            "Domain name: 'x y' is not a DNS name; its last part begins with a letter.",
            "網域名稱：'x y' 不是 DNS 名稱；最後一部分以字母開頭。",
        ),
        (
            "Target: there is no zone or policy service 'Paris'; enter one of them, or disable the rule.",
            "目標：沒有區域或原則服務 'Paris'；請輸入其一，或停用此規則。",
        ),
        ("Some part is a section; name one of its settings.", "Some part is a section; name one of its settings."),
    ],
)
def test_a_problem_is_said_whole_or_not_at_all_whatever_its_label(sentence: str, said: str) -> None:
    assert catalogue(CHINESE).say(sentence) == said


@pytest.mark.parametrize("piece", [": x", "IP: ", "refused: ", "x: y; "])
def test_a_strangers_words_that_look_like_sentences_within_sentences_break_no_page(piece: str) -> None:
    assert catalogue(CHINESE).say((piece * SENTENCE_MAX)[:SENTENCE_MAX])


@pytest.mark.parametrize("language", OTHERS)
def test_no_page_shows_a_text_of_ours_in_english(language: str) -> None:
    browser = Browser()
    browser.face.cut(2, 3, "no heartbeat for 12.4 s")
    browser.face.raise_alarm(alarms.PRIMARY_UNREACHABLE, 2, "Peer 1, expc01: no heartbeat for 12.4 s", age_s=95)
    browser.log_in()
    known = {key for key, text in catalogue(language).texts.items() if key != text}
    left: list[tuple[str, str]] = []
    for path in (*(entry.path for entry in MENU), *(f"{page.path}/item" for page in LIST_PAGES), *BELOW):
        answer = browser.client.get(path, headers={"accept-language": "zh-TW"})
        shown = _Words(answer.text).found
        assert len(shown) > 40, path
        ours = [words for words in shown if not any(kept in words for kept in KEPT)]
        left += [(path, words) for words in ours if words in known or BARE.search(words)]
    assert left == []


class _Words(HTMLParser):
    """The texts of a page that somebody reads or hears, less those that are English on purpose."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[str] = []
        self._inside: list[tuple[str, bool]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        self.found += [given[name] or "" for name in ("title", "aria-label", "placeholder", "data-is") if name in given]
        if tag not in ("input", "link", "meta", "br", "circle", "line", "path", "rect"):
            # Commands and choices are written as everywhere; the switch and the terms say their own language.
            self._inside.append((tag, tag in ("code", "option") or (tag != "html" and "lang" in given)))

    def handle_endtag(self, tag: str) -> None:
        while self._inside and self._inside.pop()[0] != tag:
            pass

    def handle_data(self, data: str) -> None:
        words = " ".join(data.split())
        if words and not any(kept for _, kept in self._inside):
            self.found.append(words)


def test_texts_of_templates_are_marked_with_their_values() -> None:
    assert marked('<h2 title="Its peers">Restart {{ own_name }} now</h2>') == (
        '<h2 title="{{ _("Its peers") }}">{{ _("Restart {own_name} now", own_name=(own_name)) }}</h2>'
    )
    assert marked("<p>{% if a > 1 %}Two{% endif %} {{ one.x }}{{ two.x }} each</p>") == (
        '<p>{% if a > 1 %}{{ _("Two") }}{% endif %} {{ _("{x}{x_2} each", x=(one.x), x_2=(two.x)) }}</p>'
    )
    assert marked('<td>{{ name }}</td><code>sextet ports</code><input value="Some words">') == (
        '<td>{{ name }}</td><code>sextet ports</code><input value="Some words">'
    )


SAYS = Catalogue(
    {"Active": "活動", "Search rules": "搜尋規則", "d": "天", "h": "小時"},
    {
        "In force on {there} of {count}": "{count}中有 {there} 個生效",
        "{where}, after {ms} ms.": "{where}，{ms} 毫秒後。",
        "{n} peer": "{n} 個對等體",
        "{n} peers": "{n} 個對等體",
        "{label}: {wrong}": "{label}：{wrong}",
        "refused by {where}": "被 {where} 拒絕",
        "{ip} port {port}": "{ip} 埠 {port}",
        "must not be empty; enter a value.": "不可空白；請輸入。",
    },
)


@pytest.mark.parametrize(
    ("sentence", "said"),
    [
        ("In force on 3 of 3 peers, after 53 ms.", "3 個對等體中有 3 個生效，53 毫秒後。"),
        ("Search rules: must not be empty; enter a value.", "搜尋規則：不可空白；請輸入。"),
        ("Must not be empty; enter a value.", "不可空白；請輸入。"),
        ("1 peer", "1 個對等體"),
        ("many peers", "many peers"),
        ("expc02: refused by 192.0.2.1 port 4372", "expc02：被 192.0.2.1 埠 4372 拒絕"),
        ("3 d 4 h", "3 天 4 小時"),
        ("Active, Search rules", "活動、搜尋規則"),
        ("expc01 and expc02", "expc01、expc02"),
        ("expc01, expc02", "expc01, expc02"),
        ("1 peer; 3 d 4 h.", "1 個對等體；3 天 4 小時。"),
        ("expc02: no answer", "expc02: no answer"),
        ("Something else. Must not be empty; enter a value.", "Something else. 不可空白；請輸入。"),
        ("x" * 3000, "x" * 3000),
    ],
)
def test_a_finished_sentence_is_recognised_or_left_as_it_is(sentence: str, said: str) -> None:
    assert SAYS.say(sentence) == said


@pytest.mark.parametrize(
    "sentence",  # each was seen in English on a page of a lab in Chinese
    [
        "bob@apolo.local is registered at this peer",
        "bob@apolo.local is not registered at this peer",
        "not asked by H.323: there is no gateway to H.323 here",
        "expc01: this peer has a cluster key already; expc02: this peer has a cluster key already",
        "Shared settings are changed on the configuration primary, x. If it is lost, make another peer the primary.",
        "expc01 and expc03: not as on the primary. Choose the same primary on every peer (alarm 20017).",
        "the part of the alias before the @ has 70 characters, a registration may have 64 there",
        "2 edits without which the cluster went on are kept as proposals.",
        "Saved as r66 (term 2): the zone “Paris” was changed.",
        "Saved as r66 (term 2): the search rule “Out2 copy” was added.",
        "Dial plan test Out: x@paris.test from LocalZone should be found at Paris, but it would be asked for at London "
        "as x@paris.test; correct the change, or disable the test in the same save.",
        "Dial plan test In: bob@x.test from LocalZone should not be found, but it would be refused with 403: closed; "
        "correct the change, or disable the test in the same save.",
        "Target: there is no zone or policy service 'Paris'; enter one of them, or disable the rule. "
        "In Search rules: To Paris, Out and 993 more.",
    ],
)
def test_what_peers_say_is_said_in_chinese_whole(sentence: str) -> None:
    said = catalogue(CHINESE).say(sentence)
    assert said != sentence and not re.search("[a-z]{3,} [a-z]{2,} [a-z]{2,}", said), said


def test_values_are_escaped_in_every_language() -> None:
    assert str(SAYS.filled("No call contains “{filter}”.", filter="<b>")) == "No call contains “&lt;b&gt;”."
    assert str(SAYS.term("<Active>")) == "&lt;Active&gt;"
    assert str(SAYS.term("Active")) == "活動 <span class=term lang=en>Active</span>"
