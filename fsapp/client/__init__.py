"""A client of the agent call protocol (docs/client.md): typed, of the standard library alone.

:class:`Client` asks, :class:`Events` listens, :class:`Picture` keeps what was heard. What is
refused is a :class:`Refused`; what could not be asked, or was not answered, an
:class:`Unreachable`. Documents are those of the protocol, with the types of
``fsapp.calls.document_types``.
"""

from fsapp.client.asking import Client, HistoryFilters
from fsapp.client.connections import Refused, Response, Unreachable, trusting
from fsapp.client.events import Event, Events
from fsapp.client.picture import Picture

__all__ = [
    "Client",
    "Event",
    "Events",
    "HistoryFilters",
    "Picture",
    "Refused",
    "Response",
    "Unreachable",
    "trusting",
]
