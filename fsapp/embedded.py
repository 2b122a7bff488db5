"""fsapp inside FreeSWITCH: the module that mod_python3 knows by name (protocol §1).

The law of this file: mod_python3 reloads it before every call of one of its functions, on a thread
with a stack of 240 kB. Nothing is kept here, and nothing big is imported here; what lasts is in
:mod:`fsapp.embedded_service`. No exception leaves: FreeSWITCH goes on whatever happens to fsapp.

* ``startup-script`` calls :func:`runtime` (conf/python.conf.xml);
* ``<action application="python" data="fsapp.embedded"/>`` calls :func:`handler`;
* ``fs_cli -x "python fsapp.embedded status"`` calls :func:`fsapi`; also ``stop``,
  ``reload``, ``start`` and ``restart``, each of the latter two with the settings' file, if it is to
  be another one.
"""

from __future__ import annotations

from typing import Any

from fsapp import embedded_service

__all__ = ["fsapi", "handler", "runtime"]


def runtime(arguments: str) -> None:
    """Start fsapp with the settings' file ``arguments``; ``""``: the default one."""
    embedded_service.begin(arguments)


def handler(session: embedded_service.Session, _arguments: str) -> None:
    """Hand the dialplan's call to fsapp, as destination 5900 of dialplan/fsapp_inbound.xml is."""
    embedded_service.hand_over(session)


def fsapi(*given: Any) -> None:
    """One command of an administrator; ``given`` are session, stream, event and its text."""
    answer = embedded_service.command(str(given[-1]))
    streams = [item for item in given[:-1] if hasattr(item, "write")]
    for stream in streams:
        stream.write(f"{answer}\n")
