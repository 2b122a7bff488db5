"""Where the files that are shipped beside the package are: in a checkout, or installed."""

from __future__ import annotations

import sys
from pathlib import Path

__all__ = ["dialplan"]


def dialplan() -> Path:
    """The folder of ``fsapp_inbound.xml`` and ``fsapp_return.xml``.

    Raises ``FileNotFoundError`` when neither a checkout nor an installation has it.
    """
    beside = Path(__file__).resolve().parents[1] / "dialplan"
    installed = Path(sys.prefix) / "share" / "fsapp" / "dialplan"
    for folder in (beside, installed):
        if (folder / "fsapp_inbound.xml").is_file():
            return folder
    raise FileNotFoundError(f"the shipped dialplan is neither at {beside} nor at {installed}")
