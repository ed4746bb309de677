"""What a version of the shared configuration is, and whether one version grew out of another."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from sextet.model.config import DOCUMENT_BYTES_MAX, Document, canonical, digest
from sextet.model.status import Stamp

ROW_BYTES_MAX = 900_000  # a version travels as one row, and NATS is told to carry no message above 1 MB
LINEAGE_MAX = 64  # changes of primary that are remembered; ancestors from before count as strangers and are kept
_PLAIN = ("cluster", "document", "digest", "user", "source", "summary", "software")  # fields that are JSON as they are
_ENVELOPE_BYTES_MAX = 64 << 10  # everything of a version but its document


@dataclass(frozen=True, slots=True, kw_only=True)
class Version:
    """One whole version of the shared configuration, as it is stored and as it travels."""

    cluster: str  # where it was made, "" on a stand-alone system; stamps of different clusters are not compared
    stamp: Stamp
    document: Document
    digest: str
    lineage: tuple[Stamp, ...] = ()  # for each earlier term the last version that is included, newest last
    user: str = ""
    source: str = ""
    summary: str = ""
    software: str = field(default="", compare=False)  # the version of sextet that shows it; others do not take it over


GENESIS = Version(cluster="", stamp=Stamp(), document={}, digest=digest({}), summary="Defaults")


def includes(newer: Version, stamp: Stamp) -> bool:
    """Tell whether the version with this stamp is `newer` itself or one that it grew out of."""
    mine = (leg for leg in (*newer.lineage, newer.stamp) if (leg.term, leg.author) == (stamp.term, stamp.author))
    return stamp == GENESIS.stamp or any(stamp.revision <= leg.revision for leg in mine)


def successor(parent: Version, document: Document, **made: str) -> Version:
    """Make the next version of the same term; `made` is user, source and summary."""
    stamp = Stamp(parent.stamp.term, parent.stamp.author, parent.stamp.revision + 1)
    content = digest(document)
    return Version(
        cluster=parent.cluster, stamp=stamp, document=document, digest=content, lineage=parent.lineage, **made
    )


def opening(parent: Version, document: Document, *, cluster: str, term: int, author: str, **made: str) -> Version:
    """Make the first version of a new term; `made` is user, source and summary."""
    assert term > parent.stamp.term, f"term {term} does not come after {parent.stamp}"
    lineage = () if parent.stamp == GENESIS.stamp else (*parent.lineage, parent.stamp)[-LINEAGE_MAX:]
    stamp = Stamp(term, author, parent.stamp.revision + 1)
    content = digest(document)
    return Version(cluster=cluster, stamp=stamp, document=document, digest=content, lineage=lineage, **made)


def to_row(version: Version) -> bytes:
    """Write a version for the wire and for the disk; its length is what ROW_BYTES_MAX limits."""
    envelope: dict[str, Any] = {name: getattr(version, name) for name in _PLAIN}
    envelope["stamp"], envelope["lineage"] = _triple(version.stamp), [_triple(leg) for leg in version.lineage]
    return zlib.compress(canonical(envelope))


def from_row(row: bytes, opened: Callable[[Document], Document] = lambda document: document) -> Version:
    """Read a version; raises ValueError for anything that is not one, or whose digest is not its document's.

    `opened` decrypts the document of a row that comes from the disk.
    """
    try:
        expander = zlib.decompressobj()
        text = expander.decompress(row, DOCUMENT_BYTES_MAX + _ENVELOPE_BYTES_MAX)
        if expander.unconsumed_tail or not expander.eof:
            raise ValueError("cut off, or more than a configuration can be")
        value = json.loads(text)
        version = _from_envelope(value)
        version = replace(version, document=opened(version.document))
    except (zlib.error, KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a version of the configuration") from error
    if digest(version.document) != version.digest:
        raise ValueError(f"the digest of {version.stamp} is not its content's")
    return version


def _from_envelope(value: Any) -> Version:
    plain = {name: value.get(name, "") if name == "software" else value[name] for name in _PLAIN}
    lineage = tuple(_stamp(leg) for leg in value["lineage"])
    if any(not isinstance(plain[name], dict if name == "document" else str) for name in _PLAIN):
        raise TypeError("a field of another type")
    if len(lineage) > LINEAGE_MAX:
        raise TypeError("a lineage longer than any")
    return Version(stamp=_stamp(value["stamp"]), lineage=lineage, **plain)


def _triple(stamp: Stamp) -> list[Any]:
    return [stamp.term, stamp.author, stamp.revision]


def _stamp(value: Any) -> Stamp:
    term, author, revision = value
    if type(term) is not int or not isinstance(author, str) or type(revision) is not int or min(term, revision) < 0:
        raise TypeError("not a stamp")
    return Stamp(term, author, revision)
