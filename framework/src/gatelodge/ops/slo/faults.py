"""The errors of ``gatelodge slo``: a folder or objectives that cannot be used, a run that could not be made."""

from gatelodge.core.codes import Code
from gatelodge.core.errors import GatelodgeError

__all__ = ["EvidenceInvalid", "ObjectivesInvalid", "RunFailed"]


class ObjectivesInvalid(GatelodgeError):
    """The file of objectives is missing a key or has a wrong one."""

    code = Code.SETTINGS_INVALID


class EvidenceInvalid(GatelodgeError):
    """The folder is not one that a run left, or is too large to be one."""

    code = Code.SETTINGS_INVALID


class RunFailed(GatelodgeError):
    """The run could not begin or go on."""

    code = Code.STACK_PART_FAILED
