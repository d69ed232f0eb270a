"""This module is the root of the error tree, and the advice when to come back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar


class RouterError(Exception):
    """An error that a client is told about.

    Parameters
    ----------
    message : str
        A sentence that names the thing and the remedy; never a secret or a prompt.
    param : str, optional
        Path of the request field at fault, as ``messages[2].content``.
    code : str, optional
        Machine-readable code; the class default where not given.
    metadata : mapping, optional
        Told under ``error.metadata``.
    """

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    default_code: str | None = None

    def __init__(
        self,
        message: str,
        *,
        param: str | None = None,
        code: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.param = param
        self.code = code or self.default_code
        self.metadata: Mapping[str, Any] = metadata or {}

    @property
    def http_status(self) -> int:
        """Status to answer with; leaves that know a better one override it."""
        return self.status

    @property
    def wire_type(self) -> str:
        """OpenAI's ``error.type``; leaves that know a better one override it."""
        return self.type

    @property
    def headers(self) -> Mapping[str, str]:
        """Extra response headers, such as ``Retry-After``."""
        return {}


def retry_headers(retry_after_s: float | None) -> dict[str, str]:
    """Return ``Retry-After`` headers for a wait in seconds, or none.

    Examples
    --------
    >>> retry_headers(1.2)
    {'Retry-After': '2', 'retry-after-ms': '1200'}
    >>> retry_headers(None)
    {}
    """
    if retry_after_s is None:
        return {}
    whole_s = max(1, int(-(-retry_after_s // 1)))
    return {"Retry-After": str(whole_s), "retry-after-ms": str(int(retry_after_s * 1000))}
