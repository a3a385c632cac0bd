"""The report of a run: one self-contained page and its figures, drawn from recorded results alone."""

from search.report.page import figures, write

__all__ = ["figures", "write"]
