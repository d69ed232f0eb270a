"""This module serves ``/v1/embeddings``, converted where the provider speaks Gemini."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response

from router.canonical.secret import Secret
from router.formats import openai_embeddings
from router.formats.gemini import embeddings as gemini_embeddings
from router.providers.base import Operation, Target
from router.upstream.prepare import Prepared, RawPreparer
from router.upstream.reply import Reply, Whole
from router.web import exchange, raw
from router.web.call import Call, read_call
from router.web.gateway import Gateway
from router.web.story import Story

_OPENAI = Operation("openai_embeddings")
_GEMINI = Operation("gemini_embeddings")


class EmbeddingsPreparer:
    """Speaks OpenAI's or Gemini's embeddings, as the target's provider does."""

    def __init__(self, call: Call) -> None:
        self._call = call
        self._openai = RawPreparer(_OPENAI, self._openai_body, call.headers)
        self._gemini = RawPreparer(_GEMINI, self._gemini_body, call.headers)

    def prepare(self, target: Target, credential: Secret | None) -> Prepared:
        """Return the call for a target."""
        preparer = self._gemini if raw.serves(_GEMINI)(target) else self._openai
        return preparer.prepare(target, credential)

    def _openai_body(self, target: Target) -> bytes:
        return orjson.dumps(openai_embeddings.passthrough_body(self._call.body, target.traits))

    def _gemini_body(self, target: Target) -> bytes:
        request = openai_embeddings.decode_request(self._call.body)
        encoded = gemini_embeddings.encode_embedding_request(request, target.traits)
        return orjson.dumps(encoded.body)


def serves(target: Target) -> bool:
    """Tell whether a target's provider has embeddings at all."""
    return raw.serves(_OPENAI)(target) or raw.serves(_GEMINI)(target)


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the route."""
    views = Blueprint("embeddings", __name__)

    @views.post("/v1/embeddings")
    def embeddings() -> Response:
        call = read_call(gateway, openai_embeddings.view)

        def render(reply: Reply, story: Story) -> Response:
            if reply.prepared.operation.format != _GEMINI.format:
                return raw.render(reply, story, snapshot=call.snapshot)
            return _from_gemini(reply, call, story)

        return exchange.serve(gateway, call, EmbeddingsPreparer(call), serves, render)

    return views


def _from_gemini(reply: Reply, call: Call, story: Story) -> Response:
    """Turn Gemini's vectors into OpenAI's answer."""
    assert isinstance(reply.answer, Whole)
    request = openai_embeddings.decode_request(call.body)
    response = gemini_embeddings.decode_embedding_response(
        reply.answer.json or {}, reply.target.upstream_model
    )
    story.usage = response.usage
    story.end("success", 200)
    body = orjson.dumps(openai_embeddings.encode_response(response, request))
    return Response(body, mimetype="application/json")
