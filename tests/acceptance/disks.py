"""Real disks for tests: small, of one's own, and broken when wanted.

They need what only root may do (mount). Who may not is told so by :class:`NotPermitted`, and the
test skips with that sentence.
"""

import contextlib
import errno
import os
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Disk", "NotPermitted", "a_disk", "a_read_only_view", "immutable"]

MEGABYTE = 1 << 20
SIZE = 12 * MEGABYTE
"""Room for SQLite's file and a log of 1000 pages."""


class NotPermitted(Exception):
    """This machine does not let us; the text says what was refused."""


def run(*command: str) -> None:
    """Runs a command of the system's; NotPermitted when it fails or there is none."""
    try:
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=30)
    except FileNotFoundError:
        raise NotPermitted(f"there is no {command[0]} here") from None
    except subprocess.CalledProcessError as error:
        why = (error.stderr or error.stdout).strip().splitlines()
        raise NotPermitted(f"{' '.join(command[:3])}: {(why or ['it failed'])[0]}") from None


@dataclass
class Disk:
    """A file system of its own (ext4 in a file), mounted at ``path``."""

    path: Path

    def fill(self) -> None:
        """Not a byte more fits on it (ENOSPC)."""
        with (self.path / "ballast").open("ab", buffering=0) as ballast:
            for size in (MEGABYTE, 4096, 1):
                with contextlib.suppress(OSError):
                    while True:
                        ballast.write(bytes(size))
        assert self.refuses() == errno.ENOSPC

    def make_room(self) -> None:
        (self.path / "ballast").unlink()

    def becomes_read_only(self) -> None:
        """As a kernel makes it when the disk under it has failed (errors=remount-ro), with files
        open for writing."""
        run("mount", "-o", "remount,abort", str(self.path))
        assert self.refuses() == errno.EROFS

    def refuses(self) -> int | None:
        """With which error it refuses a page; ``None`` when it takes one."""
        probe = self.path / "probe"
        try:
            probe.write_bytes(bytes(8192))
            probe.unlink()
        except OSError as error:
            return error.errno
        return None


@contextlib.contextmanager
def a_disk(directory: Path) -> Iterator[Disk]:
    """A small disk mounted in ``directory`` while it lasts."""
    image, path = directory / "disk.img", directory / "disk"
    path.mkdir()
    with image.open("wb") as file:
        file.truncate(SIZE)
    # No blocks kept for root, who runs the app here.
    run("mkfs.ext4", "-q", "-m", "0", "-O", "^has_journal", str(image))
    run("mount", "-o", "loop", str(image), str(path))
    try:
        yield Disk(path)
    finally:
        run("umount", "-l", str(path))


@contextlib.contextmanager
def a_read_only_view(source: Path, directory: Path) -> Iterator[Path]:
    """``source`` mounted again, in ``directory``, read-only."""
    path = directory / "view"
    path.mkdir()
    run("mount", "--bind", str(source), str(path))
    try:
        run("mount", "-o", "remount,ro,bind", str(path))
        yield path
    finally:
        run("umount", "-l", str(path))


@contextlib.contextmanager
def immutable(*files: Path) -> Iterator[None]:
    """Nobody may change these files, root included, nor who has them open (chattr +i)."""
    names = [str(file) for file in files]
    run("chattr", "+i", *names)
    try:
        yield
    finally:
        run("chattr", "-i", *names)


def without_privileges(command: list[str]) -> list[str]:
    """The command, run so that the rights of files bind it, root or not."""
    if os.geteuid() != 0:
        return command
    if shutil.which("setpriv") is None:
        raise NotPermitted("there is no setpriv here, and root may write any file")
    return ["setpriv", "--bounding-set=-all", "--inh-caps=-all", "--", *command]
