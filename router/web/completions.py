"""This module serves the legacy ``/v1/completions``, also for providers that have only chat."""

from __future__ import annotations

import orjson
from flask import Blueprint, Response

from router.canonical.secret import Secret
from router.formats.openai_completions import FORMAT
from router.providers.base import Operation, Target
from router.upstream.prepare import ChatPreparer, Prepared, RawPreparer
from router.upstream.reply import Bytes, Reply
from router.web import exchange, raw
from router.web.call import Call, read_call
from router.web.cost import ask_for_it
from router.web.gateway import Gateway
from router.web.story import Story


class CompletionsPreparer:
    """Passes the body on where the provider has the endpoint, else converts it to chat."""

    def __init__(self, call: Call) -> None:
        self._operation = Operation("openai_completions", call.view.stream)
        self.chat = ChatPreparer(
            FORMAT,
            call.body,
            call.view.stream,
            call.headers,
            call.controls.strict,
            drop_params=call.snapshot.drop_params,
        )

        def body_for(target: Target) -> bytes:
            return orjson.dumps(FORMAT.passthrough_body(call.body, target.traits))

        self._raw = RawPreparer(self._operation, body_for, call.headers)

    def prepare(self, target: Target, credential: Secret | None) -> Prepared:
        """Return the call for a target."""
        if raw.serves(self._operation)(target):
            return self._raw.prepare(target, credential)
        return self.chat.prepare(target, credential)


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the route."""
    views = Blueprint("completions", __name__)

    @views.post("/v1/completions")
    def completions() -> Response:
        call = read_call(gateway, FORMAT.view, ask_for_it)
        preparer = CompletionsPreparer(call)

        def render(reply: Reply, story: Story) -> Response:
            if isinstance(reply.answer, Bytes) or reply.prepared.format is None:
                return raw.render(reply, story, snapshot=call.snapshot)
            return exchange.render_chat(reply, story, FORMAT, preparer.chat, call)

        return exchange.serve(gateway, call, preparer, lambda _: True, render)

    return views
