"""The answer to a REGISTER: what is registered now, and by which URI each device is called (RFC 5627 5.2).

Kamailio's own answer would give out temporary GRUUs, which no other peer could resolve, and says `Require: outbound` to
everybody who supports it. So whoever asks for a GRUU, or supports outbound without registering a flow, is answered
here. Kamailio keeps the contacts of its answer until it sends one: therefore it sends one only where a save() before
has just made it.
"""

from __future__ import annotations

import time
from typing import Any

from sextet.call.admission import Refuse
from sextet.call.alias import of_uri
from sextet.call.gruu import public
from sextet.sip.kemi.registration.contacts import Contact

FULL = -2  # of save(): the alias has as many contacts as it may
GONE = 3  # of save(): contacts were removed
OUTBOUND = "outbound"
USER_MAX, DOMAIN_MAX, CALL_ID_MAX, CONTACT_MAX = 64, 128, 255, 512  # bytes; of the last one kamailio.cfg could say more
_FIELDS = ("addr", "q", "expires", "received", "instance", "regid")


def accepted(ksr: Any, saved: int) -> None:
    """Answer a REGISTER that save() took and answered with `saved`."""
    wanted = supported(ksr)
    contact = str(ksr.pv.get("$(hdr(Contact)[*])") or "")
    flow = OUTBOUND in wanted and "reg-id" in contact and "+sip.instance" in contact
    if flow and (timer := ksr.htable.sht_get("ctl", "flow")):
        ksr.hdr.append_to_reply(timer)  # RFC 5626 5.4
    everything = saved == GONE and contact.strip() == "*"
    if not everything and "gruu" not in wanted and flow == (OUTBOUND in wanted):
        ksr.registrar.reg_send_reply()
        return
    found = [] if everything else _contacts(ksr, "gruu" in wanted)
    if found:
        ksr.hdr.append_to_reply(f"Contact: {', '.join(found)}\r\n")
    ksr.hdr.append_to_reply(f"Supported: {OUTBOUND}\r\n")
    if flow:
        ksr.hdr.append_to_reply(f"Require: {OUTBOUND}\r\n")  # RFC 5626 6
    ksr.sl.send_reply(200, "OK")


def objection(contacts: tuple[Contact, ...], alias: str) -> Refuse | None:
    """Say why these contacts cannot be registered together, or at all."""
    new = [one for one in contacts if one.expires_s != 0]
    if len(new) > 1 and any(one.reg_id and one.instance for one in new):
        return Refuse(400, "a contact with a reg-id must be the only one that is registered")  # RFC 5626 6
    for one in new:
        if one.instance and not one.uri.lower().startswith(("sip:", "sips:")):
            return Refuse(403, "the contact of a device must be a SIP URI")  # RFC 5627 5.1
        if one.instance and _is_alias(one.uri, alias):
            return Refuse(403, "the contact of a device must not be the alias that it registers")
    return None


def refusal(ksr: Any, contacts: tuple[Contact, ...], saved: int) -> Refuse:
    """Say why save() took none of these contacts, having answered `saved`."""
    if saved == FULL:
        return Refuse(503, "the alias has as many contacts as it may")
    path = str(ksr.pv.get("$hdr(Path)") or "").partition(">")[0].lower().split(";")[1:]
    passed = "," in str(ksr.pv.get("$(hdr(Via)[*])") or "")
    if passed and "ob" not in path and OUTBOUND in supported(ksr) and any(one.reg_id for one in contacts):
        return Refuse(439, "First Hop Lacks Outbound Support")  # RFC 5626 6
    if too_long := _too_long(ksr, contacts):
        return Refuse(400, too_long)
    return Refuse(400, "the contacts cannot be used, or a later request of this Call-ID came before")


def _too_long(ksr: Any, contacts: tuple[Contact, ...]) -> str:
    """Say what is longer than Kamailio's registrar stores, as it is written, with its escapes; "" where nothing is."""
    user, domain, call_id = (str(ksr.pv.get(name) or "") for name in ("$tU", "$td", "$ci"))
    contact = max((one.uri for one in contacts), key=len, default="")
    for what, text, most in (
        ("the part of the alias before the @", user, USER_MAX), ("the domain of the alias", domain, DOMAIN_MAX),
        ("the header Call-ID", call_id, CALL_ID_MAX), ("the URI of the contact", contact, CONTACT_MAX),
    ):  # fmt: skip
        if (length := len(text.encode())) > most:
            return f"{what} has {length} characters, a registration may have {most} there"
    return ""


def supported(ksr: Any) -> set[str]:
    """List the option tags that a request supports."""
    return {one.strip().lower() for one in str(ksr.pv.get("$(hdr(Supported)[*])") or "").split(",")}


def _contacts(ksr: Any, gruu: bool) -> list[str]:
    """Write what is registered of the alias at hand, as Kamailio would, with the URI of each device."""
    alias, now = of_uri(str(ksr.pv.get("$tu") or "")), int(time.time())  # usrloc has moments of the wall clock
    found = []
    if ksr.registrar.reg_fetch_contacts("location", f"sip:{alias.lower()}", "answer") > 0:
        for index in range(ksr.pv.get("$ulc(answer=>count)") or 0):
            values = {name: ksr.pv.get(f"$(ulc(answer=>{name})[{index}])") for name in _FIELDS}
            left_s = int(values["expires"] or 0) - now
            if left_s > 0:
                found.append(_written(values, left_s, alias if gruu and "@" in alias else ""))
        ksr.registrar.reg_free_contacts("answer")
    return found


def _written(values: dict[str, Any], left_s: int, alias: str) -> str:
    quality, instance = int(values["q"] if values["q"] is not None else -1), str(values["instance"] or "").strip('"')
    text = f"<{values['addr']}>{f';q={quality / 1000:g}' if quality >= 0 else ''};expires={left_s}"
    if values["received"]:
        text += f';received="{values["received"]}"'
    if instance:
        text += f';pub-gruu="{public(alias, instance)}"' if alias else ""
        text += f';+sip.instance="{instance}"'
    return text + (f";reg-id={values['regid']}" if int(values["regid"] or 0) else "")


def _is_alias(uri: str, alias: str) -> bool:
    """Say whether a URI is the alias, or the GRUU of one of its devices: it would lead back here for ever."""
    host = uri.rpartition("@")[2].partition(";")[0].partition("?")[0]
    return of_uri(uri).lower() == alias and not host.rpartition("]")[2].rpartition(":")[1]
