"""The torture messages of RFC 4475 as they go over the wire, each with what a proxy may answer.

Written from the descriptions of the RFC; its section stands with each. `answers` is None where nothing may come back.
"""

from __future__ import annotations

from dataclasses import dataclass

VIA = "SIP/2.0/{transport} {host}:{port}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Torture:
    """One message; `answers` are the statuses that may come, 0 that nothing may come."""

    name: str
    section: str
    data: bytes
    answers: tuple[int, ...]


# What the RFC says of each, for a proxy that is the registrar of other domains and knows nobody of these.
NOTHING = (0,)  # a response to nothing that was asked
NOBODY = (404,)  # it takes part in what is valid, and in what it may take for that (3.1.2.10 to 15, 3.2.1, 3.4.1)
CHALLENGED = (401,)  # a REGISTER, before anything else of it counts
WRONG = (400,)
# Kamailio's parser stands in the way of these; what answers them says why (kemi/unreadable.py). The first is a valid one.
UNREAD = (400,)
SDP = "v=0\r\no=mhandley 29739 7272939 IN IP4 192.0.2.3\r\ns=-\r\nc=IN IP4 192.0.2.4\r\nt=0 0\r\nm=audio 49217 RTP/AVP 0\r\n"


def _message(
    first: str, name: str, *, cseq: str = "8 INVITE", via: str = "", leave: tuple[str, ...] = (),
    extra: tuple[str, ...] = (), body: str = "", **others: str,
) -> bytes:  # fmt: skip
    """Write a message; what `others` says stands instead of the common headers, what `leave` says is not there."""
    headers = {
        "Via": via or f"{VIA};branch=z9hG4bK{name}",
        "Max-Forwards": "70",
        "To": "sip:user@example.com",
        "From": f"sip:caller@example.net;tag={name}",
        "Call-ID": f"{name}.{{nonce}}@caller.example.net",
        "CSeq": cseq,
        "Contact": "<sip:caller@{host}:{port}>",
    }
    headers |= {key.replace("_", "-"): value for key, value in others.items()}
    lines = [first, *(f"{key}: {value}" for key, value in headers.items() if key not in leave), *extra]
    if body and "Content-Type" not in headers:
        lines.append("Content-Type: application/sdp")
    if "Content-Length" not in leave and "Content-Length" not in headers:
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + f"\r\n\r\n{body}").encode("latin-1")


def _one(name: str, section: str, answers: tuple[int, ...], data: bytes) -> Torture:
    return Torture(name=name, section=section, data=data, answers=answers)


INVITE, REGISTER, OPTIONS = (
    "INVITE sip:user@example.com SIP/2.0",
    "REGISTER sip:example.com SIP/2.0",
    "OPTIONS sip:user@example.com SIP/2.0",
)
_WSINV = (
    "INVITE sip:vivekg@chair-dnrc.example.com;unknownparam SIP/2.0\r\n"
    "TO :\r\n sip:vivekg@chair-dnrc.example.com ;   tag    = 1918181833n\r\n"
    'from   : "J Rosenberg \\\\\\""       <sip:jdrosen@example.com>\r\n  ;\r\n  tag = 98asjd8\r\n'
    "MaX-fOrWaRdS: 0068\r\nCall-ID: wsinv.{nonce}@192.0.2.1\r\nContent-Length   : 150\r\n"
    "cseq: 0009\r\n  INVITE\r\nVia  : SIP  /   2.0\r\n /{transport}\r\n    {host}:{port};branch=390skdjuw\r\n"
    "s :\r\nNewFangledHeader:   newfangled value\r\n continued newfangled value\r\n"
    "UnknownHeaderWithUnusualValue: ;;,,;;,;\r\nContent-Type: application/sdp\r\n"
    "Route:\r\n <sip:services.example.com;lr;unknownwith=value;unknown-no-value>\r\n"
    "v:  SIP  / 2.0  / TCP     spindle.example.com   ;\r\n  branch  =   z9hG4bK9ikj8  ,\r\n"
    " SIP  /    2.0   / UDP  192.168.255.111   ; branch=\r\n z9hG4bK30239\r\n"
    'm:"Quoted string \\"\\"" <sip:jdrosen@example.com> ; newparam =\r\n      newvalue ;\r\n  secondparam ; q = 0.33\r\n\r\n'
)
VALID = (
    _one("wsinv", "3.1.1.1", UNREAD, (_WSINV + SDP.ljust(150)[:150]).encode()),
    _one(
        "intmeth", "3.1.1.2", NOBODY,
        _message(
            "!interesting-Method0123456789_*+`.%indeed'~ sip:1_unusual.URI~(to-be!sure)&isn't+it$/crazy?,/;;*"
            ":&it+has=1,weird!*pas$wo~d_too.(doesn't-it)@example.com SIP/2.0", "intmeth",
            cseq="139122385 !interesting-Method0123456789_*+`.%indeed'~",
            To='"BEL:\\\x07 NUL:\\\x00 DEL:\\\x7f" <sip:1_unusual.URI~(to-be!sure)&isn\'t+it$/crazy?,/;;*@example.com>',
            From="token1~` token2'+_ token3*%!.- <sip:mundane@example.com>;fromParam''~+*_!.-%=\"\xd1\x80\";tag=_token~1'+`*%!-.",
            extra=("extensionHeader-!.%*+_`'~:\xef\xbb\xbf\xe5\xa4\xa7\xe5\x81\x9c\xe9\x9b\xbb",),
        ),
    ),
    _one(
        "esc01", "3.1.1.3", NOBODY,
        _message(
            "INVITE sip:sips%3Auser%40example.com@example.net SIP/2.0", "esc01",
            To="sip:%75se%72@example.com", From="<sip:I%20have%20spaces@example.net>;tag=938",
            Contact='"Name; with; semi" <sip:caller%23hash@{host}:{port};lr;n%61me=v%61lue%25%34%31>', body=SDP,
        ),
    ),
    _one(
        "escnull", "3.1.1.4", CHALLENGED,
        _message(
            REGISTER, "escnull", cseq="14398234 REGISTER", To="sip:null-%00-null@example.com",
            From="sip:null-%00-null@example.com;tag=839923423",
            Contact="<sip:%00@host5.example.com>", extra=("Contact: <sip:%00%00@host5.example.com>",),
        ),
    ),
    _one(
        "esc02", "3.1.1.5", NOBODY,
        _message(
            "RE%47IST%45R sip:registrar.example.com SIP/2.0", "esc02", cseq="29344 RE%47IST%45R",
            To='"%Z%45" <sip:resource@example.com>', From='"%Z%45" <sip:resource@example.com>;tag=f232jadfj23',
            Contact="<sip:alias1@host1.example.com>",
            extra=("C%6Fntact: <sip:alias2@host2.example.com>", "Contact: <sip:alias3@host3.example.com>"),
        ),
    ),
    _one(
        "lwsdisp", "3.1.1.6", NOBODY,
        _message(OPTIONS, "lwsdisp", cseq="60 OPTIONS", From="caller<sip:caller@example.com>;tag=323", leave=("Contact",)),
    ),
    _one(
        "longreq", "3.1.1.7", NOBODY,
        _message(
            INVITE, "longreq", cseq="3882340 INVITE",
            To=f'"I have a user name of {"extreme" * 10} proportion"<sip:user@example.com:6000;unknownparam1=very{"long" * 20}value'
            f";longparam{'name' * 25}=shortvalue;very{'long' * 26}ParameterNameWithNoValue>",
            From=f'sip:{"amazinglylongcallername" * 5}@example.net;tag=12{"982" * 50}424;unknownheaderparam{"name" * 20}=unknowheaderparam{"value" * 15};'
            f"unknownValueless{'paramname' * 10}",
            Call_ID=f"longreq.one{'really' * 20}longcallid{{nonce}}",
            extra=(
                f"Unknown-{'Long' * 20}-Name: unknown-{'long' * 20}-value; unknown-{'long' * 20}-parameter-name = unknown-{'long' * 20}-parameter-value",
                *(f"Via: SIP/2.0/TCP sip{n}.example.com;branch=z9hG4bKlong{n}" for n in range(33, 0, -1)),
            ),
            body=SDP,
        ),
    ),
    _one(
        "dblreq", "3.1.1.8", CHALLENGED,
        _message(REGISTER, "dblreq", cseq="8 REGISTER", To="sip:j.user@example.com", From="sip:j.user@example.com;tag=43251j3j324"),
    ),
    _one(
        "semiuri", "3.1.1.9", NOBODY,
        _message(
            "OPTIONS sip:user;par=u%40example.net@example.com SIP/2.0", "semiuri", cseq="8 OPTIONS",
            To="sip:j_user@example.com", leave=("Contact",),
        ),
    ),
    _one(
        "transports", "3.1.1.10", NOBODY,
        _message(
            OPTIONS, "transports", cseq="60 OPTIONS", leave=("Contact",),
            extra=tuple(f"Via: SIP/2.0/{name} t{n}.example.com;branch=z9hG4bKt{n}" for n, name in enumerate(("SCTP", "TLS", "UNKNOWN", "TCP"))),
        ),
    ),
    _one(
        "mpart01", "3.1.1.11", NOBODY,
        _message(
            "MESSAGE sip:kumiko@example.org SIP/2.0", "mpart01", cseq="127 MESSAGE",
            Content_Type="multipart/mixed;boundary=7a9cbec02ceef655", MIME_Version="1.0",
            body="--7a9cbec02ceef655\r\nContent-Type: text/plain\r\n\r\nHello\r\n--7a9cbec02ceef655\r\n"
            "Content-Type: application/octet-stream\r\nContent-Transfer-Encoding: binary\r\n\r\n\x000\x82\x01R\x06\t*\x86H\xff\x00\r\n--7a9cbec02ceef655--",
        ),
    ),
    _one(
        "unreason", "3.1.1.12", NOTHING,
        _message(
            "SIP/2.0 200 = 2**3 * 5**2 \xd0\xbd\xd0\xbe \xd1\x81\xd1\x82\xd0\xbe", "unreason", cseq="35 INVITE",
            via="SIP/2.0/UDP 192.0.2.198;branch=z9hG4bK1324923", leave=("Max-Forwards",), body=SDP,
        ),
    ),
    _one(
        "noreason", "3.1.1.13", NOTHING,
        _message(
            "SIP/2.0 100 ", "noreason", cseq="35 INVITE", via="SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe",
            leave=("Max-Forwards",),
        ),
    ),
)  # fmt: skip
INVALID = (
    _one(
        "badinv01", "3.1.2.1", UNREAD,
        _message(
            INVITE, "badinv01", cseq="8 INVITE", via=f"{VIA};branch=z9hG4bKkdjuw;;,;,,",
            Contact='"" <> ;,"Joe" <sip:joe@example.org>;;,,;;', body=SDP,
        ),
    ),
    _one("clerr", "3.1.2.2", (400, 0), _message(INVITE, "clerr", Content_Length="9999", body=SDP)),
    _one("ncl", "3.1.2.3", (400, 0), _message(INVITE, "ncl", Content_Length="-999", body=SDP)),
    _one(
        "scalar02", "3.1.2.4", WRONG,
        _message(
            REGISTER, "scalar02", cseq="36893488147419103232 REGISTER", Max_Forwards="300",
            Contact="<sip:user@host129.example.com>;expires=280297596632815", Expires="10000000000000000000",
        ),
    ),
    _one(
        "scalarlg", "3.1.2.5", NOTHING,
        _message(
            "SIP/2.0 503 Service Unavailable", "scalarlg", cseq="9292394834772304023312 OPTIONS",
            via="SIP/2.0/TCP host129.example.com;branch=z9hG4bKzzxdiwo34sw;received=192.0.2.129",
            Retry_After="949302838503028349304023988", Warning='1812 overture "In Progress"', leave=("Max-Forwards",),
        ),
    ),
    _one("quotbal", "3.1.2.6", UNREAD, _message(INVITE, "quotbal", To='"Mr. J. User <sip:j.user@example.com>', body=SDP)),
    _one("ltgtruri", "3.1.2.7", WRONG, _message("INVITE <sip:user@example.com> SIP/2.0", "ltgtruri", body=SDP)),
    _one("lwsruri", "3.1.2.8", UNREAD, _message("INVITE sip:user@example.com; lr SIP/2.0", "lwsruri", body=SDP)),
    _one("lwsstart", "3.1.2.9", UNREAD, _message("INVITE  sip:user@example.com  SIP/2.0", "lwsstart", body=SDP)),
    _one("trws", "3.1.2.10", NOBODY, _message("OPTIONS sip:remote-target@example.com SIP/2.0  ", "trws", cseq="8 OPTIONS")),
    _one(
        "escruri", "3.1.2.11", NOBODY,
        _message("INVITE sip:user@example.com?Route=%3Csip:example.com%3E SIP/2.0", "escruri", body=SDP),
    ),
    _one(
        "baddate", "3.1.2.12", NOBODY,
        _message(INVITE, "baddate", Date="Fri, 01 Jan 2010 16:00:00 EST", body=SDP),
    ),
    _one(
        "regbadct", "3.1.2.13", CHALLENGED,
        _message(REGISTER, "regbadct", cseq="8 REGISTER", Contact="sip:user@example.com?Route=%3Csip:sip.example.com%3E"),
    ),
    _one("badaspec", "3.1.2.14", NOBODY, _message("OPTIONS sip:user@example.org SIP/2.0", "badaspec", cseq="8 OPTIONS", To='"Watson, Thomas" < sip:t.watson@example.org >')),
    _one("baddn", "3.1.2.15", NOBODY, _message(OPTIONS, "baddn", cseq="8 OPTIONS", From="Bell, Alexander <sip:a.g.bell@example.com>;tag=43")),
    _one("badvers", "3.1.2.16", (505,), _message("OPTIONS sip:t.watson@example.org SIP/7.0", "badvers", cseq="8 OPTIONS", via="SIP/7.0/{transport} {host}:{port};branch=z9hG4bKkdjuw")),
    _one("mismatch01", "3.1.2.17", WRONG, _message(OPTIONS, "mismatch01", cseq="8 INVITE")),
    _one("mismatch02", "3.1.2.18", WRONG, _message("NEWMETHOD sip:user@example.com SIP/2.0", "mismatch02", cseq="8 INVITE", body=SDP)),
    _one("bigcode", "3.1.2.19", NOTHING, _message("SIP/2.0 4294967301 better not break the receiver", "bigcode", cseq="353494 INVITE", via="SIP/2.0/UDP 192.0.2.105;branch=z9hG4bK2398ndaoe", leave=("Max-Forwards",))),
)  # fmt: skip
TRANSACTION = (
    _one("badbranch", "3.2.1", NOBODY, _message(OPTIONS, "badbranch", cseq="8 OPTIONS", via=f"{VIA};branch=z9hG4bK")),
)  # fmt: skip
APPLICATION = (
    _one("insuf", "3.3.1", UNREAD, _message(INVITE, "insuf", cseq="193942 INVITE", leave=("Call-ID", "From", "To"), body=SDP)),
    _one("unkscm", "3.3.2", (416,), _message("OPTIONS nobodyKnowsThisScheme:totallyopaquecontent SIP/2.0", "unkscm", cseq="3923423 OPTIONS")),
    _one("novelsc", "3.3.3", (416,), _message("OPTIONS soap.beep://192.0.2.103:3002 SIP/2.0", "novelsc", cseq="3923423 OPTIONS")),
    _one("unksm2", "3.3.4", WRONG, _message(REGISTER, "unksm2", cseq="234902 REGISTER", To="isbn:2983792873", From="<http://www.example.com>;tag=3234233", Contact="<name:John_Smith>")),
    _one("bext01", "3.3.5", (420,), _message(OPTIONS, "bext01", cseq="8 OPTIONS", Require="nothingSupportsThis, nothingSupportsThisEither", Proxy_Require="noProxiesSupportThis, norDoAnyProxiesSupportThis")),
    _one("invut", "3.3.6", NOBODY, _message(INVITE, "invut", Content_Type="application/unknownformat", body="<audio>\r\n <pcmu port=\"443\"/>\r\n</audio>\r\n")),
    _one("regaut01", "3.3.7", CHALLENGED, _message(REGISTER, "regaut01", cseq="9338 REGISTER", To="sip:j.user@example.com", From="sip:j.user@example.com;tag=87321hj23128", Authorization="NoOneKnowsThisScheme opaque-data=here")),
    _one("multi01", "3.3.8", UNREAD, _message(INVITE, "multi01", extra=("CSeq: 8 INVITE", "Max-Forwards: 5", "To: sip:other@example.com;tag=other", "From: sip:other@example.net;tag=3413415", "Call-ID: another@example"), body=SDP)),
    _one("mcl01", "3.3.9", UNREAD, _message(OPTIONS, "mcl01", cseq="8 OPTIONS", extra=("Content-Length: 13", "Content-Length: 5"), leave=("Content-Length",), body="There's no way to know how many octets are supposed to be here.\r\n", Content_Type="text/plain")),
    _one("bcast", "3.3.10", NOTHING, _message("SIP/2.0 200 OK", "bcast", cseq="12 INVITE", via="SIP/2.0/{transport} 192.0.2.198;branch=z9hG4bK1324923", leave=("Max-Forwards",), extra=("Via: SIP/2.0/UDP 255.255.255.255;branch=z9hG4bK1saber23",), body=SDP)),
    _one("zeromf", "3.3.11", (483,), _message(OPTIONS, "zeromf", cseq="39234321 OPTIONS", Max_Forwards="0")),
    _one("cparam01", "3.3.12", CHALLENGED, _message(REGISTER, "cparam01", cseq="79 REGISTER", To="sip:watson@example.com", From="sip:watson@example.com;tag=DkfVgjkrtMwaerKKpe", Contact="sip:+19725552222@gw1.example.net;unknownparam")),
    _one("cparam02", "3.3.13", CHALLENGED, _message(REGISTER, "cparam02", cseq="79 REGISTER", To="sip:watson@example.com", From="sip:watson@example.com;tag=838293", Contact="<sip:+19725552222@gw1.example.net;unknownparam>")),
    _one("regescrt", "3.3.14", CHALLENGED, _message(REGISTER, "regescrt", cseq="14398234 REGISTER", To="sip:user@example.com", From="sip:user@example.com;tag=8", Contact="<sip:user@example.com?Route=%3Csip:sip.example.com%3E>")),
    _one("sdp01", "3.3.15", NOBODY, _message(INVITE, "sdp01", cseq="8 INVITE", Accept="text/nothing-sdp", body=SDP)),
)  # fmt: skip
OLD = (
    _one(
        "inv2543", "3.4.1", NOBODY,
        (
            "INVITE sip:UserB@example.com SIP/2.0\r\nVia: SIP/2.0/{transport} {host}:{port}\r\nFrom: <sip:caller@example.net>;tag=inv2543\r\n"
            "Record-Route: <sip:UserB@example.com;maddr=ss1.example.com>\r\nTo: <sip:UserB@example.com>\r\n"
            f"Call-ID: inv2543.{{nonce}}@{{host}}\r\nCSeq: 1 INVITE\r\nContent-Type: application/sdp\r\nContent-Length: {len(SDP)}\r\n\r\n{SDP}"
        ).encode(),
    ),
)  # fmt: skip
MESSAGES = (*VALID, *INVALID, *TRANSACTION, *APPLICATION, *OLD)
