"""This module reads what a request says to the router itself, and takes it out again.

The fields are OpenRouter's (https://openrouter.ai/docs/features/provider-routing) and
system A's; none of them is ever forwarded to a provider.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, cast

from router.errors import InvalidRequest

Sort = Literal["price", "latency", "throughput"]
Variant = Literal["floor", "nitro"]

ROUTER_FIELDS = frozenset({"models", "allowed_models", "provider", "route", "usage"})
"""Top-level body fields that are ours; besides these, one entry of ``plugins``."""

AUTO_PLUGIN = "auto-router"
AUTO_NAMES = frozenset({"", "auto", "openrouter/auto"})

_SORTS = ("price", "latency", "throughput")
_VARIANT_SORT: Mapping[Variant, Sort] = {"floor": "price", "nitro": "throughput"}
_MAX_ENTRIES = 64
_MAX_CHARS = 256


@dataclass(frozen=True, slots=True)
class ProviderPreferences:
    """OpenRouter's ``provider`` object; names are providers or accounts, lower case.

    Attributes
    ----------
    order : tuple of str
        Tried first, in this order.
    only, ignore : tuple of str
        The only ones to use, and those never to use.
    across_models : bool
        ``partition: none``: `sort` ranks all models' targets together.
    allow_fallbacks : bool
        False uses `order` alone, or where that is empty the best target alone.
    require_parameters : bool
        Leave out targets that cannot say every parameter of the request.
    """

    order: tuple[str, ...] = ()
    only: tuple[str, ...] = ()
    ignore: tuple[str, ...] = ()
    sort: Sort | None = None
    across_models: bool = False
    allow_fallbacks: bool = True
    require_parameters: bool = False


@dataclass(frozen=True, slots=True)
class RequestControls:
    """What the caller asks of the router.

    Attributes
    ----------
    requested : str, optional
        `model` as it came, for the audit log.
    model : str, optional
        The model named, without suffix; None leaves the choice to the router.
    variant : str, optional
        Suffix ``:floor`` (cheapest first) or ``:nitro`` (fastest first).
    models : tuple of str
        Other models that may answer, in order.
    allowed_models : tuple of str
        Globs; empty allows all.
    strict : bool
        ``x-router-strict: true``: a parameter that the target cannot say is a 400.
    debug : bool
        ``x-router-debug: true``: tell everything about the decision.
    usage_cost : bool
        ``usage: {"include": true}``: tell the cost in the answer's ``usage``.
    """

    requested: str | None = None
    model: str | None = None
    variant: Variant | None = None
    models: tuple[str, ...] = ()
    allowed_models: tuple[str, ...] = ()
    provider: ProviderPreferences = ProviderPreferences()
    strict: bool = False
    debug: bool = False
    usage_cost: bool = False

    @property
    def sort(self) -> Sort | None:
        """What targets are sorted by; ``provider.sort`` wins over the suffix."""
        if self.provider.sort is not None or self.variant is None:
            return self.provider.sort
        return _VARIANT_SORT[self.variant]


def is_auto(model: str | None) -> bool:
    """Tell whether a model name leaves the choice to the router.

    Examples
    --------
    >>> [is_auto(name) for name in (None, "  ", "Auto", "openrouter/auto", "gpt-5")]
    [True, True, True, True, False]
    """
    return model is None or model.strip().lower() in AUTO_NAMES


def split_variant(model: str) -> tuple[str, Variant | None]:
    """Take the suffix ``:floor`` or ``:nitro`` off a model name; other suffixes stay.

    Examples
    --------
    >>> split_variant("openai/gpt-5:nitro"), split_variant("qwen3:8b")
    (('openai/gpt-5', 'nitro'), ('qwen3:8b', None))
    """
    name, colon, suffix = model.rpartition(":")
    if colon and suffix.lower() in _VARIANT_SORT:
        return name, cast(Variant, suffix.lower())
    return model, None


def read_controls(
    body: Mapping[str, Any],
    headers: Mapping[str, str],
    leaves_choice: Callable[[str], bool] = is_auto,
    *,
    path_model: str | None = None,
) -> RequestControls:
    """Read everything that a request says to the router.

    Parameters
    ----------
    body : mapping
        The parsed JSON body, of any format.
    headers : mapping
        Request headers, names in any case.
    leaves_choice : callable
        Tells whether a model's name means ``auto``.
    path_model : str, optional
        The model of the URL's path (Gemini); it wins over the body's.

    Raises
    ------
    InvalidRequest
        A field has the wrong type or an unknown value; `param` is its path.
    """
    requested = path_model if path_model is not None else _text(body, "model", "model")
    named, variant = split_variant((requested or "").strip())
    flags = {name.lower(): value for name, value in headers.items()}
    models = tuple(split_variant(model)[0] for model in _texts(body, "models", "models"))
    if requested is None and models:
        # OpenRouter: without `model`, the first of `models` is the one asked for.
        named, models = models[0], models[1:]
    return RequestControls(
        requested=requested,
        model=None if leaves_choice(named) else named,
        variant=variant,
        models=models,
        allowed_models=(
            *_texts(body, "allowed_models", "allowed_models"),
            *_plugin_models(body.get("plugins")),
        ),
        provider=_preferences(body.get("provider")),
        strict=flags.get("x-router-strict", "").strip().lower() == "true",
        debug=flags.get("x-router-debug", "").strip().lower() == "true",
        usage_cost=_usage_cost(body.get("usage")),
    )


def strip_controls(body: Mapping[str, Any]) -> dict[str, Any]:
    """Return the body without the router's own fields; everything else stays as it is.

    Examples
    --------
    >>> strip_controls({"model": "auto", "models": ["a"], "plugins": [{"id": "web"}], "x": 1})
    {'model': 'auto', 'plugins': [{'id': 'web'}], 'x': 1}
    """
    kept = {key: value for key, value in body.items() if key not in ROUTER_FIELDS}
    plugins = kept.get("plugins")
    if isinstance(plugins, list):
        others = [plugin for plugin in plugins if not _is_auto_plugin(plugin)]
        if not others and plugins:
            del kept["plugins"]
        elif len(others) < len(plugins):
            kept["plugins"] = others
    return kept


def _preferences(value: Any) -> ProviderPreferences:
    """Read the ``provider`` object."""
    if value is None:
        return ProviderPreferences()
    if not isinstance(value, Mapping):
        raise InvalidRequest("provider must be an object", param="provider")
    sort, across_models = _sort(value.get("sort"), value.get("partition"))
    return ProviderPreferences(
        order=_names(value, "order"),
        only=_names(value, "only"),
        ignore=_names(value, "ignore"),
        sort=sort,
        across_models=across_models,
        allow_fallbacks=_flag(value, "allow_fallbacks", default=True),
        require_parameters=_flag(value, "require_parameters", default=False),
    )


def _usage_cost(value: Any) -> bool:
    """Read the ``usage`` object (https://openrouter.ai/docs/use-cases/usage-accounting)."""
    include = value.get("include") if isinstance(value, Mapping) else value
    if include is not None and not isinstance(include, bool):
        raise InvalidRequest('usage must be {"include": true or false}', param="usage.include")
    return include is True and isinstance(value, Mapping)


def _sort(value: Any, partition: Any) -> tuple[Sort | None, bool]:
    """Read ``provider.sort``, a name or ``{by, partition}``; tell whether it crosses models."""
    path = "provider.sort"
    if isinstance(value, Mapping):
        path, partition = "provider.sort.by", value.get("partition", partition)
        value = value.get("by")
    if partition not in (None, "model", "none"):
        raise InvalidRequest('partition must be "model" or "none"', param="provider.sort.partition")
    if value is None:
        return None, partition == "none"
    if value not in _SORTS:
        raise InvalidRequest(f"{path} must be one of: {', '.join(_SORTS)}", param=path)
    return cast(Sort, value), partition == "none"


def _plugin_models(plugins: Any) -> tuple[str, ...]:
    """Return ``allowed_models`` of OpenRouter's auto-router plugin."""
    if not isinstance(plugins, list):
        return ()
    found: list[str] = []
    for index, plugin in enumerate(plugins):
        if _is_auto_plugin(plugin):
            found += _texts(plugin, "allowed_models", f"plugins[{index}].allowed_models")
    return tuple(found)


def _is_auto_plugin(plugin: Any) -> bool:
    """Tell whether an entry of ``plugins`` is for the router."""
    return isinstance(plugin, Mapping) and plugin.get("id") == AUTO_PLUGIN


def _names(preferences: Mapping[str, Any], key: str) -> tuple[str, ...]:
    """Return a list of provider names, lower case."""
    return tuple(name.lower() for name in _texts(preferences, key, f"provider.{key}"))


def _flag(preferences: Mapping[str, Any], key: str, *, default: bool) -> bool:
    """Return a yes/no field of ``provider``."""
    value = preferences.get(key)
    if value is None:
        return default
    if not isinstance(value, bool):
        raise InvalidRequest(f"provider.{key} must be true or false", param=f"provider.{key}")
    return value


def _text(body: Mapping[str, Any], key: str, path: str) -> str | None:
    """Return a string field, None where missing or null."""
    value = body.get(key)
    if value is None:
        return None
    if not isinstance(value, str):
        raise InvalidRequest(f"{path} must be a string", param=path)
    if len(value) > _MAX_CHARS:
        raise InvalidRequest(f"{path} is longer than {_MAX_CHARS} characters", param=path)
    return value


def _texts(body: Mapping[str, Any], key: str, path: str) -> tuple[str, ...]:
    """Return a list of non-blank strings, stripped; () where missing or null."""
    value = body.get(key)
    if value is None:
        return ()
    if not isinstance(value, list):
        raise InvalidRequest(f"{path} must be a list of strings", param=path)
    if len(value) > _MAX_ENTRIES:
        raise InvalidRequest(f"{path} has more than {_MAX_ENTRIES} entries", param=path)
    for index, item in enumerate(value):
        if not isinstance(item, str) or not item.strip() or len(item) > _MAX_CHARS:
            where = f"{path}[{index}]"
            raise InvalidRequest(
                f"{where} must be a string of 1 to {_MAX_CHARS} characters", param=where
            )
    return tuple(item.strip() for item in value)
