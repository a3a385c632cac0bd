"""The reference of commands, written from the commands themselves: `make settings` writes it anew."""

from argparse import _SubParsersAction

from graft.search.cli import parser
from graft.search.reference import FOLDER

HEAD = """# Command line

`graft COMMAND --help` says the same. Exit codes: 0 done (also when the verdict is `direct` or `undecided`), 2 bad
input, 1 failure, 130 or 143 interrupted. Every command takes `--json`, for a program to read. Written by `make
settings` from the commands themselves.
"""


def page() -> str:
    """Every command with its arguments, as its own ``--help`` has them."""
    parts = [HEAD]
    (commands,) = (action for action in parser()._actions if isinstance(action, _SubParsersAction))
    for command in commands._choices_actions:
        parts.append(f"## graft {command.dest}\n")
        help = (command.help or "").rstrip(".")
        parts.append(f"{help[:1].upper()}{help[1:]}.\n\n| argument | what it does |\n|---|---|")
        for action in commands.choices[command.dest]._actions:
            name = ", ".join(action.option_strings) or str(action.metavar or action.dest)
            value = f" {action.metavar}" if action.option_strings and action.metavar else ""
            chosen = f" ({' or '.join(map(str, action.choices))})" if action.choices else ""
            if action.dest != "help":
                told = f"{name}{value}".replace("|", " or ")
                parts.append(f"| `{told}` | {(action.help or '')}{chosen} |")
        parts.append("")
    return "\n".join(parts)


if __name__ == "__main__":
    (FOLDER / "cli.md").write_text(page(), encoding="utf-8")
