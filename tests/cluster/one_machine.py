"""One machine as the head of a cluster: sshd, and everything that cluster.yaml's comments say to type.

    unshare --pid --mount --net --fork --kill-child --mount-proc bash -c 'python tests/cluster/one_machine.py FOLDER; :'

(The shell is there to bury the dead, as a system's first process must.)

`ray up` and `ray down` end every Ray process that they can see, so this refuses to run where it sees any that it did
not start: it wants processes, network and mounts of its own, and root for that. The user `graft` with a private home is
root under another name. Nothing can be downloaded here, so one thing differs from cluster.yaml: graft is installed
without its dependencies, which come from the environment of this Python.
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

PROJECT = Path(__file__).parents[2]
STEPS = {
    "doctor": ["graft", "doctor"],
    "up": ["ray", "up", "cluster.yaml", "--yes"],
    "exec": ["ray", "exec", "cluster.yaml", "graft doctor film10-film8"],
    "submit": ["ray", "submit", "cluster.yaml", "search.py"],
    "submit with a command": "ray submit cluster.yaml search.py -- run nano8-film8 --scale paper".split(),
    "rsync": ["ray", "rsync-down", "cluster.yaml", "runs/", "runs/"],
    "down": ["ray", "down", "cluster.yaml", "--yes"],
}
PATIENCE = 300
"""Seconds for each; on two idle cores the longest takes about 30."""
TINY = """
rows = { source = 300, pool = 60, locked = 6, validation = 12, test = 50 }
network = { depth = 2, width = 12 }
base = { epochs = 3 }
start = { epochs = 8, batch = 7, activation = "gelu" }
ranges = { epochs = [4, 16], batch = [7, 42] }
budget = { trainings = 8, seeds = 2, steps = 120, curve = 1, map = 2 }
"""
"""Sizes of both studies at both scales, in the copy of the project that is submitted from."""


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
    """Start sshd on 127.0.0.1, for a user `graft` whose home is in ``folder``."""
    run("ip", "link", "set", "lo", "up")
    for path in ("/run", "/tmp/ray"):
        Path(path).mkdir(exist_ok=True)
        run("mount", "-t", "tmpfs", "tmpfs", path)
    Path("/run/sshd").mkdir()
    home = folder / "head"
    home.mkdir()
    (home / ".bashrc").write_text("export RAY_worker_niceness=0\n")  # 15 by default: a busy machine starves them
    users = folder / "passwd"
    users.write_text(Path("/etc/passwd").read_text() + f"graft:x:0:0::{home}:/bin/bash\n")
    run("mount", "--bind", str(users), "/etc/passwd")
    keys = folder / "laptop" / ".ssh"
    keys.mkdir(parents=True, mode=0o700)
    for key in (keys / "id_ed25519", folder / "host_key"):
        run("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key))
    (folder / "sshd_config").write_text(
        f"ListenAddress 127.0.0.1\nPort 22\nHostKey {folder}/host_key\nPidFile none\nUsePAM no\nStrictModes no\n"
        f"PasswordAuthentication no\nAuthorizedKeysFile {keys}/id_ed25519.pub\nPermitRootLogin yes\nPrintMotd no\n"
    )
    subprocess.Popen([shutil.which("sshd") or "/usr/sbin/sshd", "-D", "-e", "-f", str(folder / "sshd_config")])


def project(folder: Path) -> Path:
    """A copy of the project as a user would have it after filling in cluster.yaml, with tiny studies."""
    copy = folder / "project"
    ignored = shutil.ignore_patterns(".*", "runs", "*.egg-info", "__pycache__", "docs", "tests")
    shutil.copytree(PROJECT, copy, ignore=ignored)
    text = (copy / "cluster.yaml").read_text()
    text = text.replace("head_ip: 192.0.2.10 ", "head_ip: 127.0.0.1 ")
    text = text.replace("~/.ssh/id_ed25519 ", f"{folder}/laptop/.ssh/id_ed25519 ")
    installing = re.search(r"  - python3 -m venv.*\n  - .*--editable ~/graft\n", text)
    assert installing and "head_ip: 127.0.0.1" in text
    (copy / "cluster.yaml").write_text(text.replace(installing[0], f"  - sh {folder}/install.sh\n"))
    venv, here, packages = "$HOME/graft/.venv", sys.executable, sysconfig.get_path("purelib")
    python = f"python3.{sys.version_info.minor}"
    (folder / "install.sh").write_text(
        f"set -e; {here} -m venv --without-pip {venv}\n"
        f"echo {packages} > {venv}/lib/{python}/site-packages/here.pth\n"
        f"{here} -m pip --python {venv}/bin/python install -q --no-deps --no-build-isolation --no-index -e ~/graft\n"
        f'sed "1s|.*|#!{venv}/bin/python|" {Path(here).parent}/ray > {venv}/bin/ray; chmod +x {venv}/bin/ray\n'
    )
    studies = copy / "search" / "studies.toml"
    tables = tomllib.loads(studies.read_text())
    tiny = [f'[{name}]\nsource = "{tables[name]["source"]}"\ntarget = "{tables[name]["target"]}"\n{TINY}'
            for name in ("film10-film8", "nano8-film8")]  # fmt: skip
    studies.write_text("\n".join(tiny))
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
        began = time.monotonic()
        limited = ["timeout", str(PATIENCE), *command]
        ended = subprocess.run(
            limited, cwd=place, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
        )
        found[name] = {
            "command": " ".join(command),
            "code": ended.returncode,
            "seconds": round(time.monotonic() - began, 1),
            "said": ended.stdout + ended.stderr,
            "rays": rays(),
        }
        (folder / "steps.json").write_text(json.dumps(found, indent=1))
        print(f"{found[name]['seconds']:6.1f} s, exit {ended.returncode}: {' '.join(command)}", flush=True)
    shutil.copytree("/tmp/ray", folder / "ray", symlinks=True, ignore=shutil.ignore_patterns("sockets"))


if __name__ == "__main__":
    main(Path(sys.argv[1]).resolve())
