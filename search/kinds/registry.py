"""Kinds of study by name."""

from importlib import import_module

from graft.search.kinds.base import Kind
from graft.search.settings import StudySettings

KINDS = {
    "transfer": "graft.search.kinds.transfer.kind:Transfer",
    "sharing": "graft.search.kinds.sharing.kind:Sharing",
    "dcl": "graft.search.kinds.dcl.kind:Dcl",
}
"""Where each is; loaded where it is used, for they know torch and Ray."""


def kind_of(study: StudySettings) -> Kind:
    """The question that a study asks."""
    module, _, attribute = KINDS[study.kind].partition(":")
    found: Kind = getattr(import_module(module), attribute)(study)
    return found
