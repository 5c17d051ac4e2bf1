"""The ID token that a pipeline gives the job that runs in it: which one a profile takes, and from which variables."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from nbauth.errors import ConfigError

__all__ = ["PipelineToken"]

Service = Literal["github_actions", "azure_pipelines"]
_AUDIENCE = "api://AzureADTokenExchange"  # what Entra takes in the public cloud
_FORMS = '{ github_actions = true } or { azure_pipelines = "id of the service connection" }'
_NAMES = {"github_actions": "GitHub Actions", "azure_pipelines": "Azure Pipelines"}
_VARIABLES = {
    "github_actions": ("ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"),
    "azure_pipelines": ("SYSTEM_OIDCREQUESTURI", "SYSTEM_ACCESSTOKEN"),
}


@dataclass(frozen=True)
class PipelineToken:
    """The ID token of the job that this kernel runs in. Its service says where it is asked for, and no file does.

    Args:
        service: whose job it is.
        argument: the audience (GitHub Actions), or the id of the service connection (Azure Pipelines).
        key: the configuration key it stands for, with its file, for messages.
    """

    service: Service
    argument: str
    key: str = ""

    @classmethod
    def parse(cls, value: object, *, key: str) -> PipelineToken | None:
        """Read ``{ github_actions = … }`` or ``{ azure_pipelines = … }``; None for what is neither.

        Args:
            value: what stands in the file or was given in code.
            key: how messages name it.

        Raises:
            ConfigError: it has another value than a text, or, for GitHub Actions, true.
        """
        if isinstance(value, cls):
            return value
        if not isinstance(value, dict) or not set(value) & {*get_args(Service)}:
            return None
        service, argument = next(iter(value.items()))
        if service == "github_actions" and argument is True:
            argument = _AUDIENCE
        if len(value) != 1 or not isinstance(argument, str) or not argument.strip():
            raise ConfigError(f"{key}: expected {_FORMS}.")
        return cls(service, argument.strip(), key)

    @property
    def variables(self) -> tuple[str, str]:
        """The environment variables that hold the address and the token with which it is asked for."""
        return _VARIABLES[self.service]

    @property
    def name(self) -> str:
        """The service's own name."""
        return _NAMES[self.service]

    @property
    def described(self) -> str:
        """What it is, for messages."""
        return f"the ID token of this job in {self.name}"
