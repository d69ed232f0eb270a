"""This module answers with JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from flask import Response


def json_answer(body: Mapping[str, Any], status: int = 200) -> Response:
    """Return a JSON response that no cache keeps."""
    response = Response(orjson.dumps(body, default=str), status, mimetype="application/json")
    response.headers["Cache-Control"] = "no-store"
    return response
