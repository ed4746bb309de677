"""What Kamailio's processes must not share: OpenSSL's state of a thread, made in the main process before it forks.

Kamailio 5.6 lets OpenSSL use shared memory, and reads certificates before there are workers. So all of them would have
the one list of errors of the main process (github.com/kamailio/kamailio/issues/3695): what fails in one closes TLS
connections in others, refuses a `tls.reload`, and now and then ends Kamailio. Kamailio 5.7.4 makes that state in
a thread that ends; here it is given back before the fork, and each process makes its own.
"""

from __future__ import annotations

import ctypes
import os

CRYPTO = "libcrypto.so.3"  # the one that tls.so has loaded already; Debian 12


def part() -> None:
    """Have OpenSSL's state of this thread given back before Kamailio forks; it does so where it announces forks."""
    try:
        stop = ctypes.CDLL(CRYPTO, mode=os.RTLD_NOLOAD | os.RTLD_NOW).OPENSSL_thread_stop
    except (OSError, AttributeError):
        return  # another OpenSSL, or none
    stop.argtypes, stop.restype = (), None
    os.register_at_fork(before=stop)
