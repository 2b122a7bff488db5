# /// script
# dependencies = ["genesis[uvloop]==2026.10.18"]
# ///
"""Genesis, as in its README, with the uvloop its documentation advises."""

import asyncio
import os
import sys

from genesis import Outbound, Session, use_uvloop

PORT, TONE = int(sys.argv[1]), sys.argv[2]


async def handler(session: Session) -> None:
    assert session.channel is not None
    await session.channel.answer()
    await session.channel.playback(TONE)
    await session.channel.hangup()


async def main() -> None:
    await Outbound(handler, "127.0.0.1", PORT).start(block=False)
    print(os.getpid(), flush=True)
    await asyncio.Event().wait()


use_uvloop()
asyncio.run(main())
