"""This module judges a request: which task it is, and how hard.

What structure can tell, structure tells: an image in the last turn, another endpoint, an
errand of the client's own, the reasoning effort asked for. The rest is the trained model's
opinion of the caller's latest words. See docs/auto-routing.md for data and scores.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from heapq import nlargest
from pathlib import Path
from typing import Any

from router.canonical.prompt import PromptView
from router.routing.decision import Complexity, Judgement
from router.routing.features import Features, extract, opener_row, tokens, word_hash, word_row
from router.routing.housekeeping import errand
from router.routing.linear import LinearModel, Opinion
from router.routing.model_file import TASKS, load
from router.routing.question import question

MODEL_PATH = Path(__file__).with_name("classifier.bin")

_TIERS: tuple[Complexity, ...] = ("low", "medium", "high", "xhigh")
_OTHER_KINDS = {"openai_embeddings": "embeddings", "audio": "audio"}
_AT_LEAST: Mapping[str, Complexity] = {
    "medium": "medium",
    "budget": "medium",
    "high": "xhigh",
    "xhigh": "xhigh",
    "max": "xhigh",
}
_TOP_FACTS, _TOP_WORDS = 5, 12


@dataclass(frozen=True, slots=True)
class Thresholds:
    """Scores from which on a request is more than ``low``; ascending, 0 to 1."""

    medium: float = 0.25
    high: float = 0.5
    xhigh: float = 0.75

    def tier(self, score: float) -> Complexity:
        """Return the complexity of a score.

        Examples
        --------
        >>> Thresholds().tier(0.5)
        'high'
        """
        return _TIERS[(score >= self.medium) + (score >= self.high) + (score >= self.xhigh)]


DEFAULT_THRESHOLDS = Thresholds()


class Judge:
    """The judge behind ``model: auto``; immutable, so one serves all requests."""

    def __init__(self, model: LinearModel) -> None:
        self._model = model

    @classmethod
    def from_file(cls, path: Path = MODEL_PATH) -> Judge:
        """Return a judge with the trained model of a file.

        Raises
        ------
        OSError
            The file cannot be read.
        ValueError
            It is damaged, or made for other features.
        """
        return cls(LinearModel(load(path)))

    def judge(
        self,
        view: PromptView,
        headers: Mapping[str, str] | None = None,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
    ) -> Judgement:
        """Return task, complexity, score and signals of a request.

        Parameters
        ----------
        headers : mapping of str to str, optional
            The request's headers, names in lower case.

        Returns
        -------
        Judgement
            `task` may also be ``image``, ``housekeeping``, ``embeddings`` or ``audio``,
            the last two with complexity ``n/a``. The signals hold numbers and names of
            features, never words of the prompt.
        """
        if kind := _OTHER_KINDS.get(view.format):
            return Judgement(kind, "n/a", signals=_facts(view, 0))
        if kind := errand(view, headers):
            return Judgement("housekeeping", "low", signals={**_facts(view, 0), "errand": kind})
        text = question(view)
        features = extract(text)
        opinion = self._model.weigh(features, len(text))
        task, why = _task(view, opinion)
        base = thresholds.tier(opinion.score)
        complexity, adjustments = _adjusted(base, task, view)
        signals = {
            **_facts(view, len(text)),
            "task_reason": why,
            "p": {name: round(p, 3) for name, p in zip(TASKS, opinion.p, strict=True)},
            "difficulty": round(opinion.difficulty, 2),
            "score": round(opinion.score, 3),
            "complexity_base": base,
            "complexity_adjustments": adjustments,
            "complexity_final": complexity,
            "top": self._top(features, opinion),
        }
        return Judgement(task, complexity, round(opinion.score, 6), signals)

    def explain(
        self,
        view: PromptView,
        headers: Mapping[str, str] | None = None,
        thresholds: Thresholds = DEFAULT_THRESHOLDS,
    ) -> dict[str, Any]:
        """Return the judgement and the words that weighed most, for the caller's eyes only.

        ``words`` names words of the prompt: show it to whoever sent the prompt, never
        write it to a log.
        """
        judgement = self.judge(view, headers, thresholds)
        told: dict[str, Any] = {
            "task": judgement.task,
            "complexity": judgement.complexity,
            "score": judgement.score,
            "signals": dict(judgement.signals),
        }
        if "p" in judgement.signals:
            text = question(view)
            likeliest = max(judgement.signals["p"], key=judgement.signals["p"].__getitem__)
            told["weighed_for"] = likeliest
            told["words"] = self._words(text, extract(text), likeliest)
        return told

    def _top(self, features: Features, opinion: Opinion) -> dict[str, float]:
        """Return the groups and facts that weighed most for the likeliest task, in logits."""
        lane = TASKS.index(opinion.task)
        facts = self._model.facts(features, opinion.task)
        top = {name: round(group[lane], 2) for name, group in opinion.groups.items()}
        for name in nlargest(_TOP_FACTS, facts, key=lambda name: abs(facts[name])):
            top[name] = round(facts[name], 2)
        return top

    def _words(self, text: str, features: Features, task: str) -> dict[str, float]:
        """Return the words that weighed most for a task, in logits."""
        share = len(features.words) ** -0.5 if features.words else 0.0
        words = tokens(text)
        weights = {w: self._model.row_weight(word_row(word_hash(w)), task) for w in words}
        for word in words[:4]:
            weights[word] += self._model.row_weight(opener_row(word_hash(word)), task)
        ranked = sorted(weights.items(), key=lambda pair: -abs(pair[1]))[:_TOP_WORDS]
        return {word: round(weight * share, 3) for word, weight in ranked if weight}


def _task(view: PromptView, opinion: Opinion) -> tuple[str, str]:
    """Return the task, and what decided it."""
    if view.format == "images":
        return "image", "endpoint"
    if view.image_in_last_turn:
        return "image", "image_in_last_turn"
    return opinion.task, "model"


def _adjusted(base: Complexity, task: str, view: PromptView) -> tuple[Complexity, list[str]]:
    """Return the complexity after what the request's structure says, and why."""
    tier, why = base, []
    effort = (view.reasoning_effort or "").lower()
    floor = _AT_LEAST.get(effort)
    if floor is not None and _TIERS.index(floor) > _TIERS.index(tier):
        tier = floor
        why.append(f"reasoning_effort:{effort}")
    if view.has_tools and task == "coding" and tier == "low":
        # An agent's "fix the test" is short, and many steps long.
        tier = "medium"
        why.append("coding_with_tools")
    return tier, why


def _facts(view: PromptView, judged_chars: int) -> dict[str, Any]:
    return {
        "text_length": judged_chars,
        "text_length_total": view.user_chars,
        "turns": view.turn_count,
        "has_image": view.has_image,
        "has_tools": view.has_tools,
        "in_tool_loop": view.in_tool_loop,
        "reasoning_effort": view.reasoning_effort,
    }
