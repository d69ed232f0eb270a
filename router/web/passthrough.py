"""This module serves every other path below ``/v1``: routed by model, passed on as it is."""

from __future__ import annotations

import re
from functools import partial

import orjson
from flask import Blueprint, Response, g, request

from router.canonical.prompt import PromptView
from router.errors import InvalidRequest, NotFound, PermissionDenied
from router.providers.base import Operation, Target
from router.routing.controls import RequestControls
from router.routing.match import leaves_choice
from router.upstream.prepare import RawPreparer
from router.web import exchange, raw
from router.web.body import lower_headers, read_bytes
from router.web.call import Call, read_call
from router.web.gateway import Gateway
from router.web.guard import caller_credential
from router.web.multipart import Form, read_form

# What urllib3 would collapse or a provider might decode again never gets that far.
_SAFE_PATH = re.compile(r"[A-Za-z0-9_~-][A-Za-z0-9._~-]*(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*){0,8}")


def view_format(path: str) -> str:
    """Return what routing calls an endpoint.

    Examples
    --------
    >>> view_format("images/generations"), view_format("audio/speech"), view_format("rerank")
    ('images', 'audio', 'rerank')
    """
    return path.split("/", 1)[0]


def blueprint(gateway: Gateway) -> Blueprint:
    """Return the catch-all route."""
    views = Blueprint("passthrough", __name__)

    @views.post("/v1/<path:path>")
    def passthrough(path: str) -> Response:
        if not _SAFE_PATH.fullmatch(path):
            raise NotFound(f"no such path: POST {request.path[:200]}")
        if request.mimetype == "multipart/form-data":
            return _multipart(gateway, path)
        return _json(gateway, path)

    return views


def _json(gateway: Gateway, path: str) -> Response:
    """Route a JSON body by its ``model``."""
    call = read_call(gateway, lambda body: raw.view_of(view_format(path), body))
    operation = Operation("opaque", call.view.stream, path)

    def body_for(target: Target) -> bytes:
        return orjson.dumps({**call.body, "model": target.upstream_model})

    preparer = RawPreparer(operation, body_for, call.headers)
    render = partial(raw.render, snapshot=call.snapshot)
    return exchange.serve(gateway, call, preparer, raw.serves(operation), render)


def _multipart(gateway: Gateway, path: str) -> Response:
    """Route a form by its field ``model``; a form without one goes to the default model."""
    content_type = request.headers.get("Content-Type", "")
    form = read_form(read_bytes(request, g.snapshot.limits, gateway.read_body), content_type)
    call = _form_call(form, path)
    operation = Operation("opaque", False, path, content_type)

    def body_for(target: Target) -> bytes:
        return form.named(target.upstream_model)

    preparer = RawPreparer(operation, body_for, call.headers)
    render = partial(raw.render, snapshot=call.snapshot)
    return exchange.serve(gateway, call, preparer, raw.serves(operation), render)


def _form_call(form: Form, path: str) -> Call:
    """Return the call of a form."""
    admission = g.admission
    if form.model is None and admission.principal.models:
        raise PermissionDenied("this key has a list of models, and the form names none")
    if form.model is not None and len(form.model) > 256:
        raise InvalidRequest("model must be a name of at most 256 characters", param="model")
    return Call(
        snapshot=g.snapshot,
        request_id=g.request_id,
        path=request.path,
        headers=lower_headers(request.headers),
        principal=admission.principal,
        controls=RequestControls(
            requested=form.model,
            model=None if leaves_choice(g.snapshot, form.model) else form.model,
        ),
        body={},
        view=PromptView(format=view_format(path)),
        caller=caller_credential(admission),
    )
