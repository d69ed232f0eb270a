"""This module writes an explanation for people to read at a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

_LABEL = 13
_LEAST_SHARE = 0.005

Told = Mapping[str, Any]

_WHY = {
    "allowed_models": "not among the request's allowed_models",
    "not_permitted": "this key may not use it",
    "capability": "lacks",
    "context_window": "the prompt is too long",
    "max_output_tokens": "cannot write so much",
    "provider_preferences": "ruled out by the request's provider preferences",
    "require_parameters": "does not take",
    "account": "the rule names another account",
    "format": "has no such endpoint",
    "breaker_open": "failing: its breaker is open",
    "cooling_down": "rate limited: cools down",
    "not_chosen": "stands in only where no candidate fits",
}


def as_text(told: Told) -> Iterator[str]:
    """Yield the lines of an explanation, as `router.routing.explain.explain` gives it."""
    yield from _request(told)
    if told.get("judgement"):
        yield from _judgement(told["judgement"])
    for rule in told["rules"]:
        yield _line("rule", _rule(rule))
    for reason in told["reasons"]:
        yield _line("because", reason)
    yield from _candidates(told["candidates"])
    if told.get("plan"):
        yield from _plan(told["plan"])
    if told.get("error"):
        error = told["error"]
        yield ""
        yield f"refused: {error['status']} {error['code'] or ''}".rstrip()
        yield f"  {error['message']}"


def _request(told: Told) -> Iterator[str]:
    """Yield what was asked."""
    request, needs = told["request"], told["needs"]
    yield _line("asked for", request["requested_model"] or "auto (no model named)")
    for name in ("models", "allowed_models"):
        if request[name]:
            yield _line(name, ", ".join(request[name]))
    wishes = [
        f"{name}: {', '.join(value) if isinstance(value, list) else str(value).lower()}"
        for name, value in request["provider"].items()
        if value not in ([], None) and (name, value) not in _USUAL
    ]
    if wishes:
        yield _line("provider", "; ".join(wishes))
    wanted = [*needs["capabilities"], f"about {needs['input_tokens']:,} prompt tokens"]
    if needs["max_output_tokens"]:
        wanted.append(f"{needs['max_output_tokens']:,} output tokens")
    yield _line("needs", ", ".join(wanted))


_USUAL = (("allow_fallbacks", True), ("require_parameters", False))


def _judgement(judgement: Told) -> Iterator[str]:
    """Yield task and complexity, and what weighed."""
    signals = judgement["signals"]
    yield ""
    yield _line(
        "judged", f"{judgement['task']}, {judgement['complexity']}, score {judgement['score']:.2f}"
    )
    if p := signals.get("p"):
        likely = sorted(p.items(), key=lambda pair: -pair[1])
        words = ", ".join(f"{task} {share:.2f}" for task, share in likely if share >= _LEAST_SHARE)
        yield _line("probability", words)
    if errand := signals.get("errand"):
        yield _line("errand", f"{errand}: a client's own request, always low")
    if why := signals.get("complexity_adjustments"):
        yield _line("raised", f"from {signals.get('complexity_base')}: {', '.join(why)}")
    if judgement.get("words"):
        yield _line(f"words for {judgement['weighed_for']}", _weights(judgement["words"]))
    if top := signals.get("top"):
        yield _line("features", _weights(top))
    facts = {
        name: value
        for name, value in signals.items()
        if name not in _ELSEWHERE and value not in (None, False, [], "")
    }
    yield _line("signals", ", ".join(_fact(name, value) for name, value in facts.items()))
    yield ""


_ELSEWHERE = frozenset(
    {
        "p",
        "top",
        "errand",
        "score",
        "complexity_base",
        "complexity_adjustments",
        "complexity_final",
    }
)


def _fact(name: str, value: Any) -> str:
    return name if value is True else f"{name} {value}"


def _rule(rule: Told) -> str:
    """Say whether a rule fired, and what kept it back."""
    if rule["fired"]:
        return f"{rule['name']}: FIRED"
    why = rule.get("unmet")
    if why is None:
        return f"{rule['name']}: did not fire"
    return f"{rule['name']}: {why if ' ' in why else f'{why} does not hold'}"


def _candidates(candidates: list[Told]) -> Iterator[str]:
    """Yield the models, their targets, and why each is left out."""
    yield ""
    yield "candidates, best first"
    if not candidates:
        yield "  none"
    for candidate in candidates:
        score = candidate.get("score")
        yield f"  {candidate['model']}{_score(score) if score else ''}{_out(candidate)}"
        for target in candidate["targets"]:
            mark = "+" if target["planned"] else "-"
            cost = target.get("estimated_cost_usd")
            price = "" if cost is None else f", about ${cost:.4g}"
            yield f"    {mark} {target['target']} ({target['provider']}{price}){_out(target)}"
            if live := target.get("live"):
                yield f"        lately: {_live(live)}"
        if not candidate["targets"] and not candidate.get("left_out"):
            yield "    - no account in use serves it"


def _score(score: Told) -> str:
    """Say how learned routing scored a model."""
    return (
        f"  utility {score['utility']:.3f} = quality {score['quality_probability']:.3f}, "
        f"${score['estimated_cost']:.4g}, {score['estimated_latency_ms']:.0f} ms, "
        f"failures {score['estimated_failure_rate']:.1%}"
    )


def _out(left: Told) -> str:
    """Say why a model or a target is left out; empty where it is not."""
    reason = left.get("left_out") or left.get("reason")
    if reason is None:
        return ""
    detail = f" ({left['detail']})" if left.get("detail") else ""
    wait = f", {left['wait_s']} s more" if left.get("wait_s") is not None else ""
    return f": left out, {_WHY.get(reason, reason)}{detail}{wait}"


def _live(live: Told) -> str:
    """Say how a target has been."""
    parts = [f"{live['samples']} calls", f"{live['failure_rate']:.1%} failed"]
    for name, words in (("ttft_ms", "to first content"), ("latency_ms", "to the end")):
        if live.get(name) is not None:
            parts.append(f"{live[name]:.0f} ms {words}")
    return ", ".join(parts)


def _plan(plan: Told) -> Iterator[str]:
    """Yield the targets in the order of the calls."""
    yield ""
    yield "plan: calls in this order, until one answers"
    for target in plan["targets"]:
        named = f"{target['provider']} {target['upstream_model']}"
        yield f"  {target['position']}. {target['target']} ({named})"
    if plan["forced"]:
        yield "  although its breaker is open: nothing better is left"
    for name, words in (("on_context_window", "too long"), ("on_content_policy", "refused")):
        if plan[name]:
            yield f"  where the prompt is {words}: {', '.join(plan[name])}"


def _weights(weights: Told) -> str:
    """Say names and weights."""
    return ", ".join(f"{name} {weight:+.2f}" for name, weight in weights.items())


def _line(label: str, words: str) -> str:
    """Return a line with its label in front."""
    return f"{label:<{_LABEL}} {words}"
