"""Who is at the other end of a TLS connection: the names in its certificate, read once for each connection."""

from __future__ import annotations

import json
from typing import Any

from sextet.call.certificate import CertificateNames, names_of

KEPT_S = 7_300  # as long as a connection lives without traffic (tcp_connection_lifetime)


def connection_names(ksr: Any) -> CertificateNames | None:
    """Give the names in the other side's certificate; None where no trusted authority vouches for one."""
    get = ksr.pv.get
    connection = str(get("$conid") or "")
    if not connection or str(get("$proto")).lower() not in ("tls", "wss"):
        return None
    known = ksr.htable.sht_get("cert", connection)
    if known is None:
        found = names_of(str(get("$tls_peer_raw_cert") or "")) if str(get("$tls_peer_verified")) == "1" else None
        known = json.dumps([found.common, found.alternatives] if found else None)
        ksr.htable.sht_setxs("cert", connection, known, KEPT_S)
    names = json.loads(known)
    return CertificateNames(names[0], tuple(names[1])) if names else None
