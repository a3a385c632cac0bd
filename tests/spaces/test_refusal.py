"""Whatever is given, the answer is one line that says what is allowed."""

import math
import os

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from graft.spaces.errors import InputError, choice, name, number, spelt, unknown, whole


@pytest.mark.parametrize("good", ["film10-film8", "a", "A_1.b-c", "9", "x" * 64])
def test_plain_names_pass(good: str) -> None:
    assert name("study.name", good) == good


@pytest.mark.parametrize(
    "bad",
    ["../../x", "/etc/passwd", "x" * 300, "x" * 65, "$(x)", "", ".", "..", ".hidden", "-rf", "a b", "a/b", "a\\b",
     "a\n", "a\x00b", "`x`", "a;b", "é", None, 5, ["a"]],
)  # fmt: skip
def test_names_that_could_leave_a_folder_or_a_line_are_refused(bad: object) -> None:
    with pytest.raises(InputError) as refused:
        name("study.name", bad)  # type: ignore[arg-type]
    message = str(refused.value)
    assert message.startswith("study.name is ") and "allowed: 1 to 64 letters" in message
    assert len(message.splitlines()) == 1 and len(message) < 200


@settings(max_examples=60)
@given(st.text(max_size=90))
def test_a_name_is_either_kept_or_refused_in_one_line(text: str) -> None:
    try:
        kept = name("study.name", text)
    except InputError as refused:
        assert len(str(refused).splitlines()) == 1
    else:
        assert (
            kept == text
            and kept[0].isalnum()
            and set(kept) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-")
        )


def test_unknown_names_the_nearest() -> None:
    message = str(unknown("study", "film10-film9", ["film8-film10", "film10-film8", "spins"]))
    assert message == (
        "unknown study 'film10-film9' (did you mean 'film10-film8'?); allowed: film10-film8, film8-film10, spins"
    )
    assert "did you mean" not in str(unknown("study", "zzz", ["film"]))


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, -0.5, 2.5, "1", None, True, 1j])
def test_numbers_outside_are_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^x is .*; allowed: a number at least 0 and at most 2$"):
        number("x", value, 0, 2)  # type: ignore[arg-type]


def test_ends_belong_to_the_range_unless_excluded() -> None:
    number("x", 0, 0, 2)
    number("x", 2, 0, 2)
    with pytest.raises(InputError, match="x is 0; allowed: a number above 0"):
        number("x", 0, 0, above=True)


@pytest.mark.parametrize("value", [0, -3, 1.0, 5, "2", True, None])
def test_what_is_no_whole_number_of_the_range_is_refused(value: object) -> None:
    with pytest.raises(InputError, match=r"^rows is .*; allowed: a whole number of at least 1 and at most 4$"):
        whole("rows", value, 1, 4)  # type: ignore[arg-type]


def test_choice_names_field_nearest_and_all() -> None:
    choice("loss", "mse", ("mse", "huber"))
    with pytest.raises(InputError, match=r"^unknown loss 'hubr' \(did you mean 'huber'\?\); allowed: huber, mse$"):
        choice("loss", "hubr", ("mse", "huber"))


def test_a_path_that_is_no_utf_8_is_refused_in_letters_that_can_be_printed() -> None:
    spelt("--out", "/tmp/é?#")
    with pytest.raises(InputError, match=r"^--out is '/tmp/.*udcff', which is no UTF-8; allowed: ") as refused:
        spelt("--out", os.fsdecode(b"/tmp/\xff"))
    str(refused.value).encode()
