"""Whom an agent may dial and for whom she answers: contact methods and organizations.

The law of this file: an agent learns of no contact method and no organization but those she
serves (protocol §2).
"""

from __future__ import annotations

from collections.abc import Mapping

from fsapp.calls.agent import Agent
from fsapp.calls.contact import Contact
from fsapp.calls.document_types import (
    ContactDocument,
    ContactsAnswer,
    OrganizationDocument,
    OrganizationsAnswer,
)
from fsapp.calls.refusals import contact_not_found
from fsapp.store.contacts import Contacts
from fsapp.store.organizations import Organizations

__all__ = ["Directory"]

DEFAULT_MATCHES = 8


class Directory:
    """Reads the two tables for one agent at a time.

    ``waiting_amber`` and ``waiting_red`` are the seconds after which a waiting caller is shown
    as waiting long, and too long.
    """

    def __init__(
        self,
        contacts: Contacts,
        organizations: Organizations,
        waiting_amber: int = 30,
        waiting_red: int = 60,
    ) -> None:
        self._contacts = contacts
        self._organizations = organizations
        self.show(waiting_amber, waiting_red)

    def show(self, waiting_amber: int, waiting_red: int) -> None:
        """From now on these are told to whoever asks."""
        self._limits = (waiting_amber, waiting_red)

    def contact(self, agent: Agent, cm_id: str) -> Contact:
        """The contact method, if it exists for her; else 404."""
        contact = self._contacts.get(int(cm_id))
        if contact is None or not agent.serves(contact.organization_id):
            raise contact_not_found(cm_id)
        return contact

    def matches(self, agent: Agent, parameters: Mapping[str, str]) -> ContactsAnswer:
        """``GET /contact``: contact methods whose words or number begin with those of ``q``."""
        first = parameters.get("organization_id")
        found = self._contacts.search(
            parameters["q"],
            sorted(agent.organizations),
            limit=int(parameters.get("limit", DEFAULT_MATCHES)),
            first=None if first is None else int(first),
        )
        return {"status": "success", "contacts": [_shown(contact) for contact in found]}

    def organizations(self, agent: Agent, _: Mapping[str, str]) -> OrganizationsAnswer:
        """``GET /organization/list``: each one she serves, whether or not it has a name."""
        known = self._organizations.named(agent.organizations)
        amber, red = self._limits
        shown: list[OrganizationDocument] = [
            {
                "id": number,
                "name": known[number].name if number in known else None,
                "greeting": known[number].greeting if number in known else "",
                "waiting_amber": amber,
                "waiting_red": red,
            }
            for number in sorted(agent.organizations)
        ]
        return {"status": "success", "organizations": shown}


def _shown(contact: Contact) -> ContactDocument:
    return {
        "cm_id": contact.cm_id,
        "name": contact.name,
        "number": contact.number,
        "organization_id": contact.organization_id,
    }
