"""A head and a worker on one machine: two sshd, and everything that cluster.yaml's comments say to type.

    unshare --pid --mount --net --fork --kill-child --mount-proc \\
        bash -c 'python tests/cluster/two_machines.py FOLDER; :'

(The shell is there to bury the dead, as a system's first process must.)

`ray up` and `ray down` end every Ray process that they can see, so this refuses to run where it sees any that it did
not start: it wants processes, network and mounts of its own, and root for that; it gives the worker others again. The
user `graft` is root under another name, with a home of its own on each. Nothing can be downloaded here, so one thing
differs from cluster.yaml: graft is installed without its dependencies, which come from the environment of this Python.
"""

import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import time
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

PROJECT = Path(__file__).parents[2]
STEPS = {
    "doctor": ["graft", "doctor"],
    "up": ["ray", "up", "cluster.yaml", "--yes", "--disable-usage-stats"],
    "exec": ["ray", "exec", "cluster.yaml", "graft doctor film10-film8"],
    "submit": ["ray", "submit", "cluster.yaml", "search.py"],
    "submit with a command": "ray submit cluster.yaml search.py -- run nano8-film8 --scale paper".split(),
    "rsync": ["ray", "rsync-down", "cluster.yaml", "runs/", "runs/"],
    "down": ["ray", "down", "cluster.yaml", "--yes"],
}
OWN = ["unshare", "--pid", "--mount", "--net", "--fork", "--kill-child", "--mount-proc"]
FIRST = ["bash", "-c", '"$@"; exit $?', "first"]
HEAD, WORKER = "10.77.0.1", "10.77.0.2"
PATIENCE = 900
"""Seconds for each; on two idle cores the longest takes about 30."""
TINY = """
rows = { source = 300, pool = 60, locked = 6, validation = 12, test = 50 }
network = { depth = 2, width = 12 }
source_training = { epochs = 3 }
start = { epochs = 8, batch = 7, activation = "gelu" }
ranges = { epochs = [4, 16], batch = [7, 42] }
budget = { trainings = 4, seeds = 2, steps = 120, curve = 1, map = 2, rival = 1, members = 1 }
proof = { looks = [4], more = [], placebos = 0 }
"""
"""Sizes of both studies at both scales, in the copy of the project that is submitted from: what is asked is whether a
search comes through, on four workers that share two cores."""


def rays() -> list[str]:
    """Processes of Ray that can be seen from here."""
    names = []
    for process in Path("/proc").glob("[0-9]*/comm"):
        with suppress(OSError):  # it ended meanwhile
            names.append(process.read_text().strip())
    return [name for name in names if name in ("raylet", "gcs_server") or name.startswith("ray::")]


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, capture_output=True)


def secure_shell(folder: Path) -> None:
    """Make this the head: a user `graft` with keys and a home in ``folder``, sshd, and a worker at a cable's end."""
    users = folder / "passwd"
    users.write_text(f"graft:x:0:0::{folder}/head:/bin/bash\n" + Path("/etc/passwd").read_text())
    run("mount", "--bind", str(users), "/etc/passwd")
    keys = folder / "laptop" / ".ssh"
    keys.mkdir(parents=True, mode=0o700)
    for key in (keys / "id_ed25519", folder / "host_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    (folder / "sshd_config").write_text(
        f"Port 22\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\nStrictModes no\nPasswordAuthentication no\n"
        f"AuthorizedKeysFile {keys}/id_ed25519.pub\nPermitRootLogin yes\nPrintMotd no\nLogLevel ERROR\n"
    )
    for home in ("head", "worker"):
        (folder / home / "runs").mkdir(parents=True)
        # Workers are "nicer" than others by default: a busy machine starves them.
        (folder / home / ".bashrc").write_text("export RAY_worker_niceness=0\n")
    (folder / "runs").mkdir()
    run("mount", "--bind", str(folder / "runs"), str(folder / "head" / "runs"))
    run("mount", "--bind", str(folder / "runs"), str(folder / "worker" / "runs"))
    run("ip", "link", "add", "to-worker", "type", "veth", "peer", "name", "to-head")
    worker = subprocess.Popen([*OWN, *FIRST, sys.executable, __file__, str(folder), "worker"])
    while os.readlink(f"/proc/{worker.pid}/ns/net") == os.readlink("/proc/self/ns/net"):
        time.sleep(0.05)
    run("ip", "link", "set", "to-head", "netns", str(worker.pid))
    plugged("to-worker", HEAD, WORKER)
    listen(folder, "ray-head")


def be_the_worker(folder: Path) -> None:
    """Make this the worker, for as long as the head lives."""
    while subprocess.run(["ip", "link", "show", "to-head"], capture_output=True, check=False).returncode:
        time.sleep(0.05)
    plugged("to-head", WORKER, HEAD)
    run("mount", "--rbind", str(folder / "worker"), str(folder / "head"))
    listen(folder, "ray-worker").wait()


def plugged(device: str, address: str, other: str) -> None:
    """Bring up the network: this end of the cable, and everything else by way of the other."""
    run("ip", "link", "set", "lo", "up")
    run("ip", "address", "add", f"{address}/24", "dev", device)
    run("ip", "link", "set", device, "up")
    run("ip", "route", "add", "default", "via", other)


def listen(folder: Path, ray: str) -> "subprocess.Popen[bytes]":
    """Start sshd, with Ray's own folder in ``folder``."""
    (folder / ray).mkdir()
    Path("/tmp/ray").mkdir(exist_ok=True)
    run("mount", "--bind", str(folder / ray), "/tmp/ray")
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    Path("/run/sshd").mkdir()
    return subprocess.Popen([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")])


def project(folder: Path) -> Path:
    """A copy of the project as a user would have it after filling in cluster.yaml, with tiny studies."""
    copy = folder / "project"
    ignored = shutil.ignore_patterns(".*", "runs", "*.egg-info", "__pycache__", "docs", "tests")
    shutil.copytree(PROJECT, copy, symlinks=True, ignore=ignored)  # `graft` holds links to the rooms
    text = (copy / "cluster.yaml").read_text()
    text = text.replace("head_ip: 192.0.2.10 ", f"head_ip: {HEAD} ").replace("_ips: [] ", f"_ips: [{WORKER}] ")
    text = text.replace("~/.ssh/id_ed25519 ", f"{folder}/laptop/.ssh/id_ed25519 ")
    installing = re.search(r"  - python3 -m venv.*\n  - .*--editable ~/graft\n", text)
    assert installing and f"head_ip: {HEAD}" in text and f"worker_ips: [{WORKER}]" in text
    (copy / "cluster.yaml").write_text(text.replace(installing[0], f"  - sh {folder}/install.sh\n"))
    venv, here, packages = "$HOME/graft/.venv", sys.executable, sysconfig.get_path("purelib")
    python = f"python3.{sys.version_info.minor}"
    (folder / "install.sh").write_text(
        f"set -e; {here} -m venv --without-pip {venv}\n"
        f"echo {packages} > {venv}/lib/{python}/site-packages/here.pth\n"
        f"{here} -m pip --python {venv}/bin/python install -q --no-deps --no-build-isolation --no-index -e ~/graft\n"
        f'sed "1s|.*|#!{venv}/bin/python|" {Path(here).parent}/ray > {venv}/bin/ray; chmod +x {venv}/bin/ray\n'
    )
    for name in ("film10-film8", "nano8-film8"):
        study = copy / "search" / "studies" / f"{name}.toml"
        told = tomllib.loads(study.read_text())
        study.write_text(f'source = "{told["source"]}"\ntarget = "{told["target"]}"\n{TINY}')
    return copy


def main(folder: Path) -> None:
    """Take every step, and write to FOLDER/steps.json what came of each."""
    if os.getpid() > 20 or rays():
        raise SystemExit(f"not in a namespace of its own: {rays()[:3]}")
    secure_shell(folder)
    place = project(folder)
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("RAY_", "MLFLOW_", "PYTHON"))}
    environment = clean | {
        "HOME": str(folder / "laptop"),
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(place),
    }
    found = {}
    for name, command in STEPS.items():
        tries = 20 if name == "exec" else 1  # the head starts the worker in its own time
        for _ in range(tries):
            found[name] = taken(command, place, environment)
            if "2 nodes" in found[name]["said"]:
                break
        (folder / "steps.json").write_text(json.dumps(found, indent=1))
        print("{seconds:6.1f} s, exit {code}: {command}".format(**found[name]), flush=True)


def taken(command: list[str], place: Path, environment: dict[str, str]) -> dict[str, Any]:
    """What came of one step."""
    began = time.monotonic()
    limited = ["timeout", str(PATIENCE), *command]
    ended = subprocess.run(
        limited, cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    return {
        "command": " ".join(command),
        "code": ended.returncode,
        "seconds": round(time.monotonic() - began, 1),
        "said": ended.stdout + ended.stderr,
        "rays": rays(),
    }


if __name__ == "__main__":
    (be_the_worker if "worker" in sys.argv[2:] else main)(Path(sys.argv[1]).resolve())
