"""Bad input, met with one clear line."""

import difflib
import math
import re
import traceback
from collections.abc import Iterable

NAME = re.compile(r"^[A-Za-z0-9][A-Za-z0-9_.-]{0,63}$")


class InputError(ValueError):
    """Input that cannot be used. The command line prints it as one line and exits with 2."""


def traced(message: str) -> InputError:
    """A refusal of what a user's own code has just raised, its traceback shown below."""
    refused = InputError(message)
    refused.add_note(traceback.format_exc())
    return refused


def unknown(what: str, given: str, allowed: Iterable[str]) -> InputError:
    """InputError of a name that does not exist, with the nearest one that does.

    Args:
        what: What kind of thing was named, for example ``"study"``.
        given: The name as it was given.
        allowed: Every name that would have been accepted.
    """
    names = sorted(allowed)
    near = difflib.get_close_matches(given, names, n=1, cutoff=0.5)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return InputError(f"unknown {what} {given!r}{hint}; allowed: {', '.join(names)}")


def number(field: str, value: float, low: float, high: float = math.inf, *, above: bool = False) -> None:
    """Refuse a number outside [low, high], or at ``low`` itself if ``above``.

    Raises:
        InputError: If ``value`` is not a finite number of that range.
    """
    real = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not real or value < low or value > high or (above and value == low):
        bound = f"above {low:g}" if above else f"at least {low:g}"
        limit = "" if high == math.inf else f" and at most {high:g}"
        raise InputError(f"{field} is {value!r}; allowed: a number {bound}{limit}")


def whole(field: str, value: int, low: int, high: float = math.inf) -> None:
    """Refuse what is not an integer of [low, high].

    Raises:
        InputError: If ``value`` is not an integer of that range.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < low or value > high:
        limit = "" if high == math.inf else f" and at most {int(high)}"
        raise InputError(f"{field} is {value!r}; allowed: a whole number of at least {low}{limit}")


def choice(field: str, value: str, allowed: Iterable[str]) -> None:
    """Refuse a value that is not one of ``allowed``.

    Raises:
        InputError: Naming the nearest allowed value.
    """
    names = list(allowed)
    if value not in names:
        raise unknown(field, str(value), names)


def spelt(field: str, path: str) -> None:
    """Refuse a path that is no UTF-8: neither databases nor Arrow can name such a file.

    Raises:
        InputError: If it is none.
    """
    try:
        path.encode()
    except UnicodeEncodeError:
        shown = path.encode(errors="backslashreplace").decode()
        raise InputError(f"{field} is {shown!r}, which is no UTF-8; allowed: a folder whose path is") from None


def name(field: str, value: str) -> str:
    """Check a name that will become part of a path.

    Raises:
        InputError: If it could leave the folder it is meant for, or is not a plain name.
    """
    if not isinstance(value, str) or not NAME.fullmatch(value):
        shown = repr(value) if len(str(value)) <= 80 else repr(str(value)[:77] + "...")
        raise InputError(
            f"{field} is {shown}; allowed: 1 to 64 letters, digits, '_', '.', '-', the first a letter or digit"
        )
    return value
