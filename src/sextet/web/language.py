"""In which language somebody reads the pages: what he chose in this browser, or else what the browser asks for."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

ENGLISH, CHINESE = "en", "zh_Hant_TW"
NAMES = {ENGLISH: "English", CHINESE: "繁體中文"}  # each in itself, for the switch
TAGS = {ENGLISH: "en", CHINESE: "zh-Hant-TW"}  # BCP 47, for the attribute `lang`
COOKIE = "__Host-sextet-language"
KEPT_S = 365 * 24 * 3600
HEADER_MAX = 512  # characters of Accept-Language that are read


def language_of(request: Request) -> str:
    """Choose the language of an answer."""
    chosen = request.cookies.get(COOKIE, "")
    return chosen if chosen in NAMES else wanted(request.headers.get("accept-language", ""))


def wanted(accept: str) -> str:
    """Read Accept-Language (RFC 9110 12.5.4): the language we have that is liked best; English where there is none."""
    liked: list[tuple[float, str]] = []
    for one in accept[:HEADER_MAX].split(","):
        tag, _, weight = one.partition(";")
        if language := _ours(tag.strip().lower()):
            liked.append((_weight(weight), language))
    best = max((weight for weight, _ in liked), default=0.0)
    return next((language for weight, language in liked if weight == best > 0), ENGLISH)


def keep(response: Response, language: str) -> None:
    """Have the browser remember a choice."""
    response.set_cookie(COOKIE, language, max_age=KEPT_S, secure=True, httponly=True, samesite="lax", path="/")


def _ours(tag: str) -> str:
    """Tell which of our languages a tag asks for. `zh` alone is none: it asks for simplified characters as a rule."""
    if tag in ("zh-tw", "zh-hk", "zh-mo") or tag == "zh-hant" or tag.startswith("zh-hant-"):
        return CHINESE
    return ENGLISH if tag == "en" or tag.startswith("en-") else ""


def _weight(text: str) -> float:
    name, _, value = text.strip().partition("=")
    try:
        return max(0.0, min(1.0, float(value))) if name.strip() == "q" else 1.0
    except ValueError:
        return 0.0
