"""OpenAI's Responses API, for clients and for providers: `FORMAT` is both sides.

`require_stateless` must be asked before a request is bridged to another format.
"""

from router.formats.openai_responses.stateless import require_stateless, stateful_fields
from router.formats.openai_responses.wire_format import FORMAT, ResponsesFormat

__all__ = ["FORMAT", "ResponsesFormat", "require_stateless", "stateful_fields"]
