"""Studies: every one that is registered can be run, and every way of asking wrongly is answered in one line."""

import json
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.search.kinds.sharing.study import SharingStudy
from graft.search.kinds.transfer.study import Budget, Study
from graft.search.settings import SCALES
from graft.search.study import STUDIES, asked, opened, registry, reopened, resolve, setting
from graft.simulators.registry import find
from graft.spaces import transfer
from graft.spaces.errors import InputError
from graft.spaces.plan import Plan

ONE = "film10-film8"


def refusal(*arguments: Any) -> str:
    with pytest.raises(InputError) as refused:
        resolve(*arguments)
    message = str(refused.value)
    assert len(message.splitlines()) == 1
    return message


OF_SIMULATORS = [name for name, values in registry().items() if "system" not in values]


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", OF_SIMULATORS)
def test_every_registered_study_resolves_and_survives_json(name: str, scale: str) -> None:
    study = resolve(name, scale)
    assert (study.name, study.scale) == (name, scale) and study.title
    assert opened(json.loads(json.dumps(study.to_dict(), allow_nan=False))) == study
    simulators = study.tasks if isinstance(study, SharingStudy) else (*study.sources, study.target)
    assert len({find(simulator).outputs for simulator in simulators}) == 1


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("name", OF_SIMULATORS)
def test_every_registered_study_may_train_where_it_starts(name: str, scale: str) -> None:
    study = resolve(name, scale)
    needed = transfer.constraints(Plan(study.start), study.rows.training, study.budget.steps)
    assert all(value <= 0 for value in needed.values()), needed
    assert study.ranges.guess(study.start) == {
        key: getattr(study.start, key) for key in study.ranges.guess(study.start)
    }
    assert study.start.activation in study.ranges.activation


def test_heads_are_fair_and_the_rival_gets_all_unless_the_study_says_otherwise() -> None:
    for name in (ONE, "films-8-10-12-14", "calibration"):
        study = resolve(name)
        assert study.start.head == "constant" and study.budget.rival == 2
    assert resolve(ONE).source_training.head == "constant"
    assert resolve(ONE, "demo", {"start.head": "random", "budget.rival": 4}).start.head == "random"
    assert resolve("dcl-transfer").start.head == resolve("dcl-transfer").source_training.head == "constant"
    assert "allowed: constant, random" in refusal(ONE, "demo", {"start.head": "median"})
    assert "budget.rival is 0" in refusal(ONE, "demo", {"budget.rival": 0})


def test_a_study_of_a_folder_that_says_neither_is_of_protocol_1() -> None:
    stored = resolve(ONE).to_dict()
    for recipe in ("source_training", "start"):
        del stored[recipe]["head"]
    del stored["budget"]["rival"]
    study = reopened(stored)
    assert (study.start.head, study.source_training.head, study.budget.rival) == ("random", "random", 1)
    assert study != resolve(ONE) and reopened(resolve(ONE).to_dict()) == resolve(ONE)
    assert reopened(study.to_dict()) == study


def test_the_old_name_of_how_sources_are_taught_is_read_and_the_new_one_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    mine = tmp_path / "mine.toml"
    mine.write_text('extends = "film10-film8"\nbase = { rate = 1e-3 }\ndemo.base.epochs = 7\n')
    study = resolve(str(mine), "demo", {"base.batch": 11})
    taught = study.source_training
    assert (taught.rate, taught.epochs, taught.batch) == (1e-3, 7, 11)
    said = capsys.readouterr().err
    assert f"graft: {mine}: base is read, but is now called source_training\n" in said
    new = {"source_training.rate": 1e-3, "source_training.epochs": 7, "source_training.batch": 11}
    assert study == replace(resolve(ONE, "demo", new), name="mine") and not capsys.readouterr().err
    stored = study.to_dict()
    assert reopened({"base" if key == "source_training" else key: stored[key] for key in stored}) == study
    mine.write_text('extends = "film10-film8"\n[base]\nrate = 1e-3\n[source_training]\nepochs = 7\n')
    assert refusal(str(mine)) == f"{mine} has both base and source_training; allowed: source_training"


def test_the_papers_sizes() -> None:
    study = resolve(ONE, "paper")
    assert (study.rows.source, study.rows.pool, study.rows.locked, study.rows.test) == (50_000, 500, 50, 2000)
    assert (study.network.depth, study.network.width, study.blocks) == (6, 200, 7)
    assert study.rows.training == 500 - 50 - study.rows.validation


@pytest.mark.parametrize("name", registry())
def test_what_counts_as_proof_is_the_protocols_at_both_scales(name: str) -> None:
    for scale in SCALES:
        proof = resolve(name, scale).proof
        assert (proof.alpha, proof.margin, proof.candidates) == (0.05, 0.02, 2) and proof.seeds >= 8


def test_demo_is_the_default_and_smaller() -> None:
    demo, paper = resolve(ONE), resolve(ONE, "paper")
    assert demo == resolve(ONE, "demo") and demo != paper
    assert demo.network.width < paper.network.width and demo.rows.source < paper.rows.source


def test_an_unknown_study_or_scale_names_the_nearest() -> None:
    assert refusal("film10-film9").startswith("unknown study 'film10-film9' (did you mean 'film10-film8'?); allowed: ")
    assert refusal(ONE, "papr") == "unknown scale 'papr' (did you mean 'paper'?); allowed: demo, paper"
    assert refusal("../../etc/passwd").startswith("unknown study '../../etc/passwd'; allowed: ")


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("netwrok.width", "unknown key in study 'netwrok' (did you mean 'network'?); allowed: "),
        ("network.widht", "unknown key in network 'widht' (did you mean 'width'?); allowed: depth, width"),
        ("start.rat", "unknown key in start 'rat'"),
        ("ranges.bach", "unknown key in ranges 'bach' (did you mean 'batch'?)"),
        ("demo.seed", "unknown key in study 'demo'"),
        ("", "unknown key in study ''"),
    ],
)
def test_an_unknown_key_names_the_nearest(key: str, message: str) -> None:
    assert refusal(ONE, "demo", {key: 5}).startswith(message)


SIZES = [
    "rows.source", "rows.pool", "rows.locked", "rows.validation", "rows.test", "network.depth", "network.width",
    "budget.trainings", "budget.seeds", "budget.steps", "budget.curve", "budget.map", "proof.candidates",
    "proof.seeds", "proof.most_seeds",
]  # fmt: skip


@pytest.mark.parametrize("value", [0, -1, 2.5, "many", True, [1]])
@pytest.mark.parametrize("key", SIZES)
def test_sizes_that_are_none_are_refused_by_name(key: str, value: object) -> None:
    assert refusal(ONE, "demo", {key: value}).startswith(f"{key} is {value!r}; allowed: a whole number")


@pytest.mark.parametrize(
    ("key", "value", "message"),
    [
        ("rows.pool", 100, "rows.pool is 100; allowed: more than rows.locked + rows.validation = 100"),
        ("rows.source", 9, "rows.source is 9; allowed: a whole number of at least 10"),
        ("rows.test", 1, "rows.test is 1; allowed: a whole number of at least 2"),
        ("rows", 5, "rows is 5; allowed: a table of source, pool, "),
        ("budget.seeds", 1, "budget.seeds is 1; allowed: a whole number of at least 2"),
        ("budget.trainings", 2, "budget.trainings is 2; allowed: a whole number of at least 3"),
        ("proof.seeds", 7, "proof.seeds is 7; allowed: a whole number of at least 8"),
        ("proof.alpha", 0, "proof.alpha is 0; allowed: a number above 0 and at most 0.5"),
        ("proof.margin", -0.1, "proof.margin is -0.1; allowed: a number at least 0"),
        ("network.width", 10**6, "network.width is 1000000; allowed: a whole number of at least 1 and at most 65536"),
        ("seed", -1, "seed is -1; allowed: a whole number of at least 0 and at most 4294967295"),
        ("seed", 2**32, "seed is 4294967296; allowed: "),
        ("start.rate", "fast", "start.rate is 'fast'; allowed: a number"),
        ("start.rate", 0, "start.rate is 0; allowed: a number above 0"),
        ("ranges.rate", 3e-3, "ranges.rate is 0.003; allowed: [lowest, highest]"),
        ("ranges.rate", [1e-3], "ranges.rate is [0.001]; allowed: [lowest, highest]"),
        ("ranges.batch", [1.5, 3], "ranges.batch[0] is 1.5; allowed: a whole number"),
        ("source", "film-99", "simulator 'film-99' is out of range; allowed: film-1 to film-50"),
        ("target", "flim-8", "unknown simulator 'flim-8'"),
        ("title", 3, "title is 3; allowed: text"),
        ("name", "../../x", "study.name is '../../x'; allowed: 1 to 64 letters"),
        ("name", "/tmp/x", "study.name is '/tmp/x'; allowed: 1 to 64 letters"),
        ("name", "x" * 300, "study.name is 'xxx"),
        ("name", "$(x)", "study.name is '$(x)'; allowed: 1 to 64 letters"),
    ],
)
def test_settings_that_cannot_be_used_are_refused_by_name(key: str, value: object, message: str) -> None:
    assert refusal(ONE, "demo", {key: value}).startswith(message)


def test_settings_win_and_touch_nothing_else() -> None:
    base, changed = resolve(ONE).to_dict(), resolve(ONE, "demo", {"network.width": 12, "seed": 7}).to_dict()
    assert changed == base | {"network": base["network"] | {"width": 12}, "seed": 7}


def test_the_scale_cannot_be_renamed_by_a_setting() -> None:
    # The demo's sizes under the name of the paper's would be a lie in every record.
    try:
        found = resolve(ONE, "demo", {"scale": "paper"})
    except InputError:
        return
    assert found == resolve(ONE, "paper")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("network.width=100", ("network.width", 100)),
        (" start.rate = 1e-3 ", ("start.rate", 1e-3)),
        ("ranges.rate=[1e-3, 1e-2]", ("ranges.rate", [1e-3, 1e-2])),
        ("start.activation=gelu", ("start.activation", "gelu")),
        ('start.activation="gelu"', ("start.activation", "gelu")),
        ("title=a = b", ("title", "a = b")),
        ("title=", ("title", "")),
        ("source=film-10", ("source", "film-10")),
    ],
)
def test_a_setting_is_toml_or_a_bare_word(text: str, expected: tuple[str, object]) -> None:
    assert setting(text) == expected


@pytest.mark.parametrize("text", ["network.width", "", "=5", "  = 5"])
def test_a_setting_without_key_or_value_is_refused(text: str) -> None:
    with pytest.raises(InputError, match=r"allowed: key=value, such as network\.width=100$"):
        setting(text)


@settings(max_examples=80)
@given(st.text(max_size=30), st.text(max_size=30))
def test_whatever_is_set_is_used_or_refused_in_one_line(key: str, value: str) -> None:
    try:
        resolve(ONE, "demo", dict([setting(f"{key}={value}")]))
    except InputError as refused:
        assert len(str(refused).splitlines()) == 1


def written(folder: Path, text: str, name: str = "mine.toml") -> str:
    path = folder / name
    path.write_text(text)
    return str(path)


def test_a_file_overrides_a_study(tmp_path: Path) -> None:
    study = resolve(written(tmp_path, 'extends = "film10-film8"\nseed = 5\n[demo.network]\nwidth = 24\n'))
    base = resolve(ONE)
    assert (study.name, study.seed, study.network.width) == ("mine", 5, 24)
    assert (study.sources, study.start, study.network.depth) == (base.sources, base.start, base.network.depth)


def test_the_old_name_of_extends_is_read_and_the_new_one_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    old = written(tmp_path, 'study = "film10-film8"\nseed = 5\n', "old.toml")
    assert resolve(old) == replace(resolve(old), name="old") and resolve(old).seed == 5
    told = capsys.readouterr().err
    assert told == f"graft: {old}: study = is read, but is now called extends =\n"


def test_a_file_may_extend_what_is_no_study_itself(tmp_path: Path) -> None:
    study = resolve(written(tmp_path, 'extends = "_films"\nsource = "film-3"\ntarget = "film-2"\n'))
    assert study.start == resolve(ONE).start and study.sources == ("film-3",)
    assert refusal("_films").startswith("unknown study '_films'")
    assert "lacks sources, target" in refusal(written(tmp_path, 'extends = "_films"\n'))


def test_studies_that_extend_in_a_circle_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    circle = {"a": {"extends": "b"}, "b": {"extends": "c"}, "c": {"extends": "a"}, "d": {"extends": "d"}}
    monkeypatch.setattr("graft.search.catalogue.written", lambda: circle)
    for name, chain in (("a", "a extends b extends c extends a"), ("d", "d extends d")):
        message = refusal(written(tmp_path, f'extends = "{name}"\n'))
        assert message.endswith(f"{chain}; allowed: a chain of studies that ends")
    assert "(did you mean 'a'?)" in refusal(written(tmp_path, 'extends = "aa"\n'))


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ('source = "film-3"\ntarget = "film-2"\n', ("transfer", "regression")),
        ('source = "ising-4x4@4"\ntarget = "ising-4x4@2"\n', ("transfer", "likelihood")),
        ('tasks = ["film-3", "film-2"]\n', ("sharing", "regression")),
        ('system = "ising-4x4"\nchoices.orders = ["snake"]\n', ("dcl", "likelihood")),
    ],
)
def test_kind_and_task_may_be_told_and_follow_from_the_other_keys(
    tmp_path: Path, text: str, kind: tuple[str, str]
) -> None:
    found = resolve(written(tmp_path, text))
    assert type(found) is STUDIES[kind] and asked(found.to_dict()) == kind
    assert resolve(written(tmp_path, f'kind = "{kind[0]}"\ntask = "{kind[1]}"\n{text}')) == found
    for other in STUDIES:
        if other[0] != kind[0]:
            assert f"; allowed: '{kind[0]}'" in refusal(written(tmp_path, f'kind = "{other[0]}"\n{text}'))
        if other[1] != kind[1]:
            assert f"; allowed: '{kind[1]}'" in refusal(written(tmp_path, f'task = "{other[1]}"\n{text}'))


def test_a_kind_that_the_other_keys_contradict_is_refused() -> None:
    assert (
        refusal(ONE, "demo", {"kind": "sharing"}) == "kind is 'sharing' in a study without tasks; allowed: 'transfer'"
    )
    assert refusal("films-8-10-12-14", "demo", {"kind": "transfer", "target": "film-8"}) == (
        "kind is 'transfer' in a study with tasks; allowed: 'sharing'"
    )
    assert refusal(ONE, "demo", {"task": "likelihood"}) == (
        "task is 'likelihood', but what is learned are no states of a lattice (LATTICE@TEMPERATURE); "
        "allowed: 'regression'"
    )
    assert refusal(ONE, "demo", {"kind": "shring"}).startswith("unknown kind 'shring' (did you mean 'sharing'?)")
    assert refusal(ONE, "demo", {"task": 3}) == (
        "unknown task '3'; allowed: images, images-error-rate, likelihood, regression, restoration"
    )


def test_what_a_file_says_wins_over_the_scale_of_the_study_that_it_overrides(tmp_path: Path) -> None:
    file = written(tmp_path, 'extends = "film10-film8"\n[network]\nwidth = 24\n[budget]\ntrainings = 9\n')
    for scale in SCALES:
        study = resolve(file, scale)
        assert (study.network.width, study.budget.trainings) == (24, 9), scale


def test_several_sources_are_a_list_and_one_is_short_for_it(tmp_path: Path) -> None:
    many = resolve(written(tmp_path, 'sources = ["film-3", "film-4"]\ntarget = "film-2"\n'), "paper")
    assert many.sources == ("film-3", "film-4")
    assert resolve(ONE, "demo", {"source": "film-9"}).sources == ("film-9",)
    assert resolve(ONE, "demo", {"sources": ["film-9", "film-11"]}).source_space.names == ("film-9", "film-11")
    assert "both source and sources" in refusal(
        written(tmp_path, 'source = "film-3"\nsources = ["film-4"]\ntarget = "film-2"\n')
    )
    assert "each once" in refusal(ONE, "demo", {"sources": ["film-9", "film-9"]})
    assert "each once" in refusal(ONE, "demo", {"sources": []})


def test_study_files_of_the_guides_are_studies(tmp_path: Path) -> None:
    guides = sorted((Path(__file__).parents[2] / "docs" / "guides").glob("*.md"))
    text = "\n".join(guide.read_text() for guide in guides)
    files = re.findall(r"```toml\n# (\w+\.toml)[^\n]*\n(.*?)```", text, re.DOTALL)
    assert {"mine.toml", "choosy.toml"} <= {name for name, _ in files}
    for name, content in files:
        if name not in (
            "slab.toml",
            "measured.toml",
            "resnet.toml",
            "spots.toml",
            "suns.toml",
        ):  # they need more files, or torchvision
            assert resolve(written(tmp_path, content, name)).name == Path(name).stem
    choosy = resolve(str(tmp_path / "choosy.toml"))
    assert choosy.space == "blocks" and len(choosy.source_space.lessons()) == 8


def test_a_source_may_be_taught_on_less_but_not_on_more_than_there_is() -> None:
    few = {"rows.source": 1000, "ranges.source_rows": [100, 1000], "ranges.source_epochs": [2, 8]}
    lessons = resolve(ONE, "demo", few).source_space.lessons()
    assert {(lesson.rows, lesson.epochs) for lesson in lessons.values()} == {(1000, 8), (1000, 2), (100, 8), (100, 2)}
    assert "ranges.source_rows is 2000" in refusal(ONE, "demo", few | {"ranges.source_rows": [2000]})


def test_a_file_defines_a_study(tmp_path: Path) -> None:
    file = written(tmp_path, 'source = "film-3"\ntarget = "film-2"\n[rows]\npool = 60\nlocked = 6\nvalidation = 6\n')
    study = resolve(file, "paper")
    assert (study.name, study.sources, study.target, study.rows.training) == ("mine", ("film-3",), "film-2", 48)
    assert study.budget == Budget()
    assert resolve(file, "paper", {"seed": 3}).seed == 3


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ('extends = "_fims"\n', "mine.toml extends '_fims' (did you mean '_films'?); allowed: "),
        ("seed = 1\n", "lacks source, target; allowed: source and target, or tasks, or system, or extends = NAME"),
        ('extends = "film10-film9"\n', "did you mean 'film10-film8'?"),
        ("extends = 3\n", "unknown study that "),
        ('extends = ["film10-film8"]\n', "unknown study that "),
        ('[extends]\nname = "film10-film8"\n', "unknown study that "),
        ('extends = "film10-film8"\ndemo = 3\n', "demo"),
        ("seed = \n", "allowed: a readable TOML file"),
        ('extends = "film10-film8"\nname = "../x"\n', "study.name is '../x'; allowed: "),
        ('extends = "film10-film8"\n[rows]\npool = 0\n', "rows.pool is 0; allowed: "),
        ('extends = "film10-film8"\nsource = 3\n', "sources[0] is 3; allowed: text"),
        ('extends = "film10-film8"\nseed = 2026-01-01\n', "seed is datetime.date(2026, 1, 1); allowed: a whole number"),
    ],
)
def test_files_that_cannot_be_used_are_refused(tmp_path: Path, text: str, message: str) -> None:
    assert message in refusal(written(tmp_path, text))


def test_files_that_cannot_be_read_are_refused(tmp_path: Path) -> None:
    assert "nothing.toml" in refusal(str(tmp_path / "nothing.toml"))
    folder = tmp_path / "folder.toml"
    folder.mkdir()
    assert "folder.toml" in refusal(str(folder))
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"\xff\xfe\x00")
    assert "allowed: a readable TOML file" in refusal(str(binary))


@pytest.mark.parametrize("name", ["my study.toml", "$(x).toml", "x" * 70 + ".toml"])
def test_a_files_name_must_be_able_to_name_a_folder(tmp_path: Path, name: str) -> None:
    assert refusal(written(tmp_path, 'extends = "film10-film8"\n', name)).startswith("study.name is ")


def test_a_study_without_its_tasks_is_refused() -> None:
    with pytest.raises(InputError, match=r"^study lacks name, sources, target$"):
        Study.from_dict({"seed": 1})
    with pytest.raises(InputError, match=r"^study is 5; allowed: a table of name, "):
        Study.from_dict(5)  # type: ignore[arg-type]
