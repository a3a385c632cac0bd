"""Kinds of study by name."""

from importlib import import_module
from typing import Any

from search.kinds.base import Kind

KINDS = {
    "transfer": "search.kinds.transfer.kind:Transfer",
    "sharing": "search.kinds.sharing.kind:Sharing",
    "dcl": "search.kinds.dcl.kind:Dcl",
}
"""Where each is; loaded where it is used, for they know torch and Ray."""


def kind_of(study: Any) -> Kind:
    """The question that a study asks."""
    module, _, attribute = KINDS[study.kind].partition(":")
    found: Kind = getattr(import_module(module), attribute)(study)
    return found
