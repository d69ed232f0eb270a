"""This module is one request's life, top to bottom: the module to read first.

A request holds one snapshot from its first line to its last. Until the first content
another target may be tried; then status and headers go out, and what fails later is told
inside the stream. However it ends, its terminal record is written exactly once, before
the last bytes are handed to the socket.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from typing import Any

import orjson
from flask import Response, g, request

from router.canonical.events import Event, Failed
from router.config.known_secrets import private_words
from router.errors import (
    AttemptsExhausted,
    AttemptSummary,
    RouterError,
)
from router.formats.base import Ingress
from router.observe import records
from router.observe.fields import cost_text
from router.observe.replay_fields import replay_fields
from router.providers.base import Target
from router.providers.demo import WHY_HEADER
from router.routing.chain import is_errand
from router.routing.constraints import needs_of
from router.routing.decision import Attempt, RouteDecision
from router.upstream import relay
from router.upstream.dispatch import Exhausted, Order
from router.upstream.prepare import ChatPreparer, Preparer
from router.upstream.reply import Bytes, Reply, Stream, Whole
from router.upstream.watch import ClientGone
from router.web import headers
from router.web.call import Amend, Call, read_call
from router.web.cost import tell_cost
from router.web.errors import told
from router.web.gateway import Gateway, Stoppable
from router.web.idempotency import serve_once
from router.web.routing import Routed, decide_call, plan_call, remember_seat
from router.web.story import Story, redacted
from router.web.telemetry import telemetry

CheckBridge = Callable[[Mapping[str, Any]], None]
Render = Callable[[Reply, Story], Response]


def run(
    gateway: Gateway,
    ingress: Ingress,
    *,
    amend: Amend | None = None,
    check_bridge: CheckBridge | None = None,
    frames: Callable[[Iterable[bytes]], Iterator[bytes]] = iter,
    stream_type: str = "text/event-stream",
) -> Response:
    """Serve a chat request of one format.

    Parameters
    ----------
    ingress : Ingress
        The caller's format.
    amend : callable, optional
        Writes into the body what the format has in the URL.
    check_bridge : callable, optional
        Refuses what only providers of the same format can serve.
    frames : callable
        Wraps the stream's frames, where the caller wants them in another framing.
    """
    call = read_call(gateway, ingress.view, amend)
    forwarded = dict(call.headers)
    preparer = ChatPreparer(
        ingress,
        call.body,
        call.view.stream,
        forwarded,
        call.controls.strict,
        check_bridge,
        drop_params=call.snapshot.drop_params,
    )

    def render(reply: Reply, story: Story) -> Response:
        response = render_chat(reply, story, ingress, preparer, call)
        if response.is_streamed and frames is not iter:
            source: Any = response.response
            response.response = frames(source)
            response.mimetype = stream_type
        return response

    def note(decision: RouteDecision) -> None:
        forwarded[WHY_HEADER] = headers.safe("; ".join(decision.reasons))
        if is_errand(decision) and call.view.reasoning_effort is None:
            preparer.think_little()

    return serve(gateway, call, preparer, lambda _: True, render, note)


def render_chat(
    reply: Reply, story: Story, ingress: Ingress, preparer: ChatPreparer, call: Call
) -> Response:
    """Answer in the caller's format: a stream, or a whole body."""
    match reply.answer:
        case Stream() as stream:
            pieces = _pieces(stream, reply, ingress, preparer, call, story)
            return Response(pieces, mimetype="text/event-stream", headers=_STREAM_HEADERS)
        case Whole() as whole:
            body = _whole_body(whole, reply, ingress, preparer, story)
            return Response(body, mimetype="application/json")
        case Bytes():
            raise AssertionError("chat formats are always read")


_STREAM_HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def serve(
    gateway: Gateway,
    call: Call,
    preparer: Preparer,
    serves: Callable[[Target], bool],
    render: Render,
    note: Callable[[RouteDecision], None] = lambda _: None,
) -> Response:
    """Route a call, dispatch it and answer, once for each Idempotency-Key.

    Parameters
    ----------
    serves : callable
        Whether a target has an endpoint for the call.
    render : callable
        Makes the response of a reply; a streaming one is still to be read.
    note : callable
        Told the decision before anybody is called.
    """
    return serve_once(gateway, call, partial(_serve, gateway, call, preparer, serves, render, note))


def _serve(
    gateway: Gateway,
    call: Call,
    preparer: Preparer,
    serves: Callable[[Target], bool],
    render: Render,
    note: Callable[[RouteDecision], None],
) -> Response:
    """Route a call, dispatch it and answer; the story is told whatever happens."""
    counted = telemetry(gateway, call.snapshot)
    story = Story.begin(gateway, call.snapshot, call.facts, call.controls.requested, counted)
    g.story_begun = True
    counted.begin()
    watch = gateway.watch(request.environ.get("gunicorn.socket"))
    handed_over = False
    reply: Reply | None = None
    try:
        routed = _route(gateway, call, serves, story)
        note(routed.decision)
        reply = _dispatch(gateway, call, routed, preparer, story)
        response = render(reply, story)
        tell_cost(response, call.controls, call.headers, story)
        _tell(response, call, routed, reply, story)
        if response.is_streamed:
            source: Any = response.response
            response.response = _guarded(source, reply, story, watch)
            handed_over = True
        return response
    except RouterError as error:
        story.failed(error)
        raise
    except ClientGone:
        story.client_closed()
        raise
    finally:
        if not handed_over:
            watch.stop()
            if reply is not None:
                reply.trial.abandon()
            story.failed(RouterError("internal error"))


def _route(gateway: Gateway, call: Call, serves: Callable[[Target], bool], story: Story) -> Routed:
    """Decide and plan, and write both down."""
    decision, prefer, conversation, seat = decide_call(gateway, call)
    content = call.snapshot.audit.content
    needs = needs_of(call.view, call.body)
    replay = replay_fields(call.view, call.controls, needs, decision, conversation)
    record = records.route_decision(call.facts, decision, call.view, content, replay)
    story.decided(decision, record)
    plan = plan_call(gateway, call, decision, prefer, serves)
    story.planned(plan)
    return Routed(decision, plan, conversation, seat)


def _dispatch(
    gateway: Gateway, call: Call, routed: Routed, preparer: Preparer, story: Story
) -> Reply:
    """Call targets until one answers.

    Raises
    ------
    AttemptsExhausted
        None did; carries every attempt.
    """
    order = Order(
        plan=routed.plan,
        preparer=preparer,
        retry=call.snapshot.retry,
        timeouts=call.snapshot.timeouts,
        streaming=call.view.stream,
        caller=call.caller,
    )
    try:
        reply, story.attempts = gateway.dispatcher.run(order, story)
    except Exhausted as exhausted:
        story.attempts = exhausted.attempts
        words = told(exhausted.last, private_words(call.snapshot))
        summaries = [_summary(attempt) for attempt in exhausted.attempts]
        raise AttemptsExhausted(exhausted.last, words, summaries) from exhausted
    story.answered(reply.target, reply.prepared.dropped)
    remember_seat(gateway, routed, reply.target)
    return reply


def _summary(attempt: Attempt) -> AttemptSummary:
    return AttemptSummary(
        account=attempt.target.account.name,
        model=attempt.target.model,
        status=attempt.status,
        error=attempt.error or "",
        duration_ms=round(attempt.duration_ms),
    )


def _tell(response: Response, call: Call, routed: Routed, reply: Reply, story: Story) -> None:
    """Write the headers that say what the router did."""
    decision, target = routed.decision, reply.target
    response.headers["x-request-id"] = call.request_id
    response.headers.update(headers.decision_headers(decision, call.snapshot))
    if story.cost_usd is not None and not response.is_streamed:
        response.headers["x-router-cost"] = cost_text(story.cost_usd) or ""
    dropped = reply.prepared.dropped
    response.headers.update(headers.target_headers(target, len(story.attempts), dropped))
    if call.controls.debug:
        attempted = [attempt.target.name for attempt in story.attempts]
        response.headers.update(
            headers.debug_headers(call.request_id, decision, target, attempted, story.elapsed_ms())
        )


def _whole_body(
    whole: Whole, reply: Reply, ingress: Ingress, preparer: ChatPreparer, story: Story
) -> bytes:
    """Return the answer's bytes: the provider's own where the formats are equal."""
    assert whole.response is not None
    story.usage = whole.response.usage
    if reply.prepared.verbatim and whole.body:
        body = whole.body
    else:
        body = orjson.dumps(ingress.encode_response(whole.response, preparer.request))
    story.end("success", 200)
    return body


def _pieces(
    stream: Stream,
    reply: Reply,
    ingress: Ingress,
    preparer: ChatPreparer,
    call: Call,
    story: Story,
) -> Iterator[bytes]:
    """Yield the stream's bytes in the caller's format."""

    def observe(event: Event) -> Event:
        story.seen(event)
        if story.outcome is not None:
            reply.trial.wind_down()
        if isinstance(event, Failed):
            return redacted(event, told(event.error, private_words(call.snapshot)))
        return event

    if stream.verbatim:
        return relay.verbatim(stream.events, stream.raw, ingress, call.body, observe)
    return relay.converted(stream.events, ingress, preparer.request, observe)


def _guarded(
    pieces: Iterable[bytes], reply: Reply, story: Story, watch: Stoppable
) -> Iterator[bytes]:
    """Pass a stream on; however it ends, settle the call and tell the story's end."""
    try:
        yield from pieces
    except (ClientGone, GeneratorExit):
        story.client_closed()
        raise
    finally:
        watch.stop()
        story.end("interrupted", 200, "internal_error")
        if story.outcome == "success":
            reply.trial.succeed()
        elif story.outcome == "interrupted":
            reply.trial.fail(story.error_type or "interrupted")
        else:
            reply.trial.abandon()
