"""Which of a machine's managed identities a profile means."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nbauth.errors import ConfigError

__all__ = ["ManagedIdentity"]


IdType = Literal["client_id", "object_id", "resource_id"]


_FORMS = 'true, or one of { client_id = "…" }, { object_id = "…" } and { resource_id = "…" }'


@dataclass(frozen=True)
class ManagedIdentity:
    """Which of the machine's identities.

    Args:
        id_type: what `identifier` is; None for the one that the system assigned.
        identifier: of an identity that a person assigned.
    """

    id_type: IdType | None = None
    identifier: str = ""

    @classmethod
    def parse(cls, value: object, *, key: str) -> ManagedIdentity:
        """Read ``true`` or ``{ client_id = … }``, ``{ object_id = … }``, ``{ resource_id = … }``.

        Raises:
            ConfigError: it is of another form.
        """
        if isinstance(value, cls):
            return value
        if value is True:
            return cls()
        if isinstance(value, dict) and len(value) == 1:
            ((id_type, identifier),) = value.items()
            if id_type in get_args(IdType) and isinstance(identifier, str) and identifier.strip():
                return cls(id_type, identifier)
        raise ConfigError(f"{key}: expected {_FORMS}.")
