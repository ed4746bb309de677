"""How does a peer get a wall clock that is wrong? `python -m tests.support.wrong_clock SECONDS PYTHON -m MODULE ...`.

Everything in that process that reads the wall clock through `time.time` or `datetime` sees it off; the monotonic clock
is right, as on a host whose time was set wrongly. OpenSSL and the engines still have the computer's own time.
"""

from __future__ import annotations

import datetime
import runpy
import sys
import time

_real_time, _RealDatetime = time.time, datetime.datetime


def shift(seconds: float) -> None:
    """Put the wall clock of this process ahead; call it before anything imports a clock by name."""
    offset = datetime.timedelta(seconds=seconds)

    class Shifted(_RealDatetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Shifted:
            return super().now(tz) + offset

    time.time = lambda: _real_time() + seconds
    datetime.datetime = Shifted  # type: ignore[misc]


def main() -> None:
    """Run a module like `python -m` with the clock shifted."""
    _, seconds, _, _, module, *arguments = sys.argv
    shift(float(seconds))
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


if __name__ == "__main__":
    main()
