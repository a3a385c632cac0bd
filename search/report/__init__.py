"""The report of a run: one self-contained page and its figures, drawn from recorded results alone."""

from graft.search.report.page import figures, write

__all__ = ["figures", "write"]
