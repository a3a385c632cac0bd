"""What a study's keys are worth, and what a shell completes."""

import json
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

from graft.search.cli import COMMANDS, main, parser
from graft.search.completion import commands, script
from graft.search.reference import keys
from graft.search.study import resolve

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", ["film10-film8", "films-8-10-12-14", "dcl-ising", "dcl-transfer"])
def test_every_key_of_a_study_is_told_with_what_it_means(name: str) -> None:
    study = resolve(name)
    found = {key.name: key for key in keys(study)}
    assert all(key.meaning for key in found.values())
    told = study.to_dict()
    for key in ("seed", "proof.alpha"):
        value = told
        for part in key.split("."):
            value = value[part]
        assert json.loads(found[key].value) == value


def test_a_changed_key_is_told_beside_its_default(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["show", "film10-film8", "--set", "network.width=51"])
    assert stopped.value.code == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.startswith("network.width")]
    assert line.split()[1] == "51" and line.endswith("(default: 200)")


def test_the_version_is_that_of_the_project(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]
    assert stopped.value.code == 0 and capsys.readouterr().out == f"graft {wanted}\n"
    assert yaml.safe_load((ROOT / "CITATION.cff").read_text())["version"] == wanted


def test_bash_completes_commands_options_and_studies() -> None:
    assert set(commands(parser())) == set(COMMANDS)

    def completed(*words: str) -> list[str]:
        asked = f'COMP_WORDS=(graft {" ".join(words)}); COMP_CWORD={len(words)}; _graft; echo "${{COMPREPLY[@]}}"'
        done = subprocess.run(
            ["bash", "-c", f"{script('bash', parser())}\n{asked}"], capture_output=True, text=True, check=True
        )
        return done.stdout.split()

    assert completed("ver") == ["verify"]
    assert completed("run", "film10-film8-r") == ["film10-film8-relu"]
    assert set(completed("run", "--sc")) == {"--scale", "--score"}


@pytest.mark.parametrize("path", sorted((ROOT / ".github" / "workflows").glob("*.yml")), ids=lambda path: path.name)
def test_workflows_run_targets_that_exist(path: Path) -> None:
    held = yaml.safe_load(path.read_text())
    targets = {line.partition(":")[0] for line in (ROOT / "Makefile").read_text().splitlines() if ":" in line}
    for job in held["jobs"].values():
        suites = job.get("strategy", {}).get("matrix", {}).get("suite", [])
        made = [word for step in job["steps"] for word in step.get("run", "").split() if word in ("test", "check")]
        assert {*suites, *made} and {*suites, *made} <= targets
