"""What a shell needs to complete graft's commands, options, studies and files."""

from argparse import ArgumentParser, _SubParsersAction

from graft.search.catalogue import registry

BASH = """_graft() {{
  local word="${{COMP_WORDS[COMP_CWORD]}}" command="${{COMP_WORDS[1]}}" words=""
  if [ "$COMP_CWORD" -eq 1 ]; then words="{commands}"
  else case "$command" in
{cases}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))
}}
complete -o filenames -F _graft graft"""
ZSH = "autoload -U +X compinit && compinit -u; autoload -U +X bashcompinit && bashcompinit\n"


def script(shell: str, top: ArgumentParser) -> str:
    """The function that ``bash`` or ``zsh`` evaluates, for the commands of a parser."""
    found = commands(top)
    studies = list(registry())
    cases = [
        f'    {name}) words="{" ".join([*options, *(studies if takes else [])])}" ;;'
        for name, (options, takes) in found.items()
    ]
    text = BASH.format(commands=" ".join(found), cases="\n".join(cases))
    return ZSH + text if shell == "zsh" else text


def commands(top: ArgumentParser) -> dict[str, tuple[list[str], bool]]:
    """Options of each command, and whether it takes a study."""
    (inner,) = (action for action in top._actions if isinstance(action, _SubParsersAction))
    told = {name: sub._actions for name, sub in inner.choices.items()}
    return {
        name: (
            [option for action in actions for option in action.option_strings],
            any(action.dest == "study" for action in actions),
        )
        for name, actions in told.items()
    }
