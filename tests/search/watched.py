"""A whole run on the real stack, tiny, and what is seen of its processes while it goes on."""

import os
import subprocess
import time
from dataclasses import dataclass, field
from pathlib import Path

PASSWORD = "not-to-be-seen-2c1f"
"""Of the MLflow server, in the environment of the run."""


@dataclass
class Watched:
    """A process and its descendants, watched until it has ended.

    Attributes:
        place: The folder that it was started in, its home.
        addresses: Local addresses, in the kernel's hexadecimal, on which they waited for TCP connections.
        arguments: Command lines.
        sessions: Folders of Ray.
    """

    place: Path
    addresses: set[str] = field(default_factory=set)
    arguments: set[bytes] = field(default_factory=set)
    sessions: set[Path] = field(default_factory=set)

    def watch(self, process: "subprocess.Popen[str]") -> None:
        """Look three times a second until it ends."""
        while process.poll() is None:
            processes = family(process.pid)
            self.addresses |= listening(processes)
            for each in processes:
                try:
                    words = Path(f"/proc/{each}/cmdline").read_bytes()
                except OSError:
                    continue
                self.arguments.add(words)
                for word in words.split(b"\0"):
                    if word.startswith((b"--session-dir=", b"--session_dir=")):
                        self.sessions.add(Path(word.partition(b"=")[2].decode()))
            time.sleep(0.3)


def family(parent: int) -> set[int]:
    """A process and all that descend from it."""
    parents = {}
    for process in Path("/proc").glob("[0-9]*/stat"):
        try:
            text = process.read_text()
        except OSError:
            continue
        parents[int(process.parent.name)] = int(text.rpartition(")")[2].split()[1])
    found = {parent}
    while more := {child for child, its in parents.items() if its in found} - found:
        found |= more
    return found


def listening(processes: set[int]) -> set[str]:
    """Local addresses, in the kernel's hexadecimal, on which these processes wait for TCP connections."""
    sockets = set()
    for process in processes:
        for handle in Path(f"/proc/{process}/fd").glob("*"):
            try:
                sockets.add(os.readlink(handle))
            except OSError:
                continue
    found = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for line in Path(table).read_text().splitlines()[1:]:
            columns = line.split()
            if columns[3] == "0A" and f"socket:[{columns[9]}]" in sockets:
                found.add(columns[1].partition(":")[0])
    return found
