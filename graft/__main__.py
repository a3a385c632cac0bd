"""``python -m graft``."""

from graft.search.cli import main

main()
