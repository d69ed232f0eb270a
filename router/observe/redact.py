"""This module takes out of a text what its reader must not see.

Two strengths: `hide_secrets` for our own logs, where addresses and paths are wanted;
`redact` for what a provider said, before a client or the audit log gets it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

MAX_CHARS = 2000
"""Length of a redacted message, at most."""

HIDDEN = "[redacted]"

_MAX_INPUT_CHARS = 8_000
_WHOLE_WORD_BELOW_CHARS = 8
_SENSITIVE_NAME = re.compile(
    r"authoriz|(?:^|[-_])auth$|cookie|token|secret|passw|session|credential|(?:^|[-_])key$|apikey",
    re.IGNORECASE,
)

# Keys as vendors issue them; `*`, `.` and `…` stand where they mask their own echoes.
_KEY_BODY = r"[A-Za-z0-9_*.…\-]"
_KEYS = re.compile(
    rf"\b(?:sk|pk|rk|sess|oai|xai|pplx|nvapi|gsk|hf|r8|fw|tgp|csk|glpat|ghp|gho|ghs|ghu|xox[abprs]"
    rf"|github_pat)[-_]{_KEY_BODY}{{6,}}[A-Za-z0-9*]"
    rf"|\b(?:AIza|ya29\.){_KEY_BODY}{{10,}}"
    r"|\b(?:AKIA|ASIA)[A-Z0-9]{12,}"
    r"|\bey[JA-D][A-Za-z0-9_-]{5,}\.[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]*)?"
    # A long run of letters and digits, as keys without a prefix are.
    r"|(?<![\w./-])(?=[A-Za-z]*\d)(?=\d*[A-Za-z])[A-Za-z0-9]{32,}\b"
    r"|\b(?:org-|proj_)[A-Za-z0-9]{8,}"
)
# "Missing bearer authentication" is a sentence; "Bearer a1b2c3d4" is not.
_SCHEMES = re.compile(
    r"\b(bearer|basic|apikey)(\s+)(?=\S*[\d_*~+/=]|\S{20})[A-Za-z0-9._~+/=*\-]{8,}", re.IGNORECASE
)
_NAMED = re.compile(
    r"""\b((?:proxy-)?authorization|(?:x-|x-goog-|x-router-)?api[-_]?key|x-router-key
    |set-cookie|cookie|access_token|refresh_token|id_token|client_secret|password|(?<=[?&])key)
    (["']?\s?[:=]\s?["']?)((?:bearer|basic)\s+)?[^\s"'&,;<>]+""",
    re.IGNORECASE | re.VERBOSE,
)

_TRACEBACK = re.compile(r"Traceback \(most recent call last\).*", re.DOTALL)
_FRAME = re.compile(
    r"""File\ "[^"\n]{1,300}",\ line\ \d+(?:,\ in\ \S+)?     # Python
    |\bat\ [\w.$<>\ ]{1,100}\([^()\n]{1,200}:\d+(?::\d+)?\)   # JavaScript, Java""",
    re.VERBOSE,
)
_PATH = re.compile(
    r"""(?<![\w/.])/(?:usr|home|opt|var|srv|app|root|tmp|etc|mnt|data|private|Users|workspace
        |lib|proc|run|code|build|src|models)(?:/[\w.@+\-]+)+(?::\d+)*
    |(?<![\w/.@+\-])/?(?:[\w.@+\-]+/)+[\w.@+\-]+\.(?:py|js|mjs|ts|go|rs|java|rb|php|cc|cpp|so)\b(?::\d+)*
    |\b[A-Za-z]:\\[^\s"'<>|]+""",
    re.VERBOSE,
)

_TLDS = (
    "com|net|org|io|ai|dev|cloud|app|co|local|localhost|localdomain|internal|intranet|lan|corp"
    "|home|cluster|svc|eu|de|fr|uk|cn|ru|jp|example|invalid|test"
)
_URL = re.compile(r"""\b[a-z][a-z0-9+.\-]{1,20}://[^\s"'<>`\\]*[^\s"'<>`\\.,;:!?)\]}]""", re.I)
_EMAIL = re.compile(r"[\w.+\-]{1,64}@[\w\-]+(?:\.[\w\-]+)+")
_ADDRESS = re.compile(
    rf"""(?<![\w.])\d{{1,3}}(?:\.\d{{1,3}}){{3}}(?::\d{{1,5}})?(?![\w.]*\w)
    |\[[0-9A-Fa-f:]*:[0-9A-Fa-f:.]*\](?::\d{{1,5}})?
    |(?<![\w:])(?:[0-9A-Fa-f]{{1,4}}:){{3,7}}[0-9A-Fa-f]{{1,4}}(?![\w:])
    |(?<![\w:])(?:[0-9A-Fa-f]{{1,4}}(?::[0-9A-Fa-f]{{1,4}})*)?::(?:[0-9A-Fa-f]{{1,4}}:)*[0-9A-Fa-f]{{1,4}}(?![\w:])
    |(?<![\w.@-])(?:[\w-]{{1,63}}\.)+(?:{_TLDS})(?::\d{{1,5}})?(?![\w-]|\.\w)
    |\blocalhost(?::\d{{1,5}})?\b
    |(?<![\w.-])[A-Za-z]\w*(?:[.-]\w+)+:\d{{4,5}}\b
    |\bhost(?:name)?=['"]?[^\s'",)]+['"]?(?:,\ port=\d+)?""",
    re.VERBOSE | re.IGNORECASE,
)

_HTML_HIDDEN = re.compile(
    r"<(script|style|head)\b.*?(?:</\1\s*>|\Z)|<!--.*?(?:-->|\Z)", re.DOTALL | re.IGNORECASE
)
_HTML_TAG = re.compile(
    r"<(?:!doctype|\?xml|/?(?:a|b|i|p|u|br|hr|li|ul|ol|dl|dt|dd|td|th|tr|em|h[1-6]|tt|div|img|nav"
    r"|pre|svg|body|code|font|form|head|html|link|main|meta|path|span|table|tbody|thead|title"
    r"|center|strong|script|style|input|button|iframe|footer|header|section|address|noscript))"
    r"(?:[\s/][^<>]*)?(?:>|\Z)",
    re.IGNORECASE,
)
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029]+")


def hide_secrets(text: str, secrets: Sequence[str]) -> str:
    """Return a text without the secrets given, nor anything that looks like a key.

    Parameters
    ----------
    secrets : sequence of str
        Hidden wherever they stand; those shorter than 8 characters as whole words only.

    Examples
    --------
    >>> hide_secrets("Incorrect API key provided: sk-abc***wxyz.", [])
    'Incorrect API key provided: [redacted].'
    """
    text = _hide_known(text, secrets)
    text = _NAMED.sub(lambda m: f"{m[1]}{m[2]}{m[3] or ''}{HIDDEN}", text)
    text = _SCHEMES.sub(rf"\1\2{HIDDEN}", text)
    return _KEYS.sub(HIDDEN, text)


def redact(text: str, secrets: Sequence[str], max_chars: int = MAX_CHARS) -> str:
    """Return a provider's message as a client may see it.

    Besides keys, URLs, host names, addresses, e-mail addresses, HTML, tracebacks and
    file paths go; ordinary sentences stay as they are.

    Parameters
    ----------
    secrets : sequence of str
        Credentials, and whatever else must not be told, such as an internal host's name.

    Examples
    --------
    >>> redact("Please see https://platform.example.com/docs.", [])
    'Please see [url].'
    >>> redact("messages.0.content: text is required", [])
    'messages.0.content: text is required'
    """
    text = _hide_known(text, secrets)
    if len(text) > _MAX_INPUT_CHARS:
        # The cut may leave half a key; drop the word that it went through.
        text = text[:_MAX_INPUT_CHARS].rpartition(" ")[0]
    if "<" in text:
        text = _without_html(text)
    text = _TRACEBACK.sub("[traceback]", text)
    text = _FRAME.sub("[frame]", text)
    text = _URL.sub("[url]", text)
    text = hide_secrets(text, ())
    text = _EMAIL.sub("[email]", text)
    text = _ADDRESS.sub("[host]", text)
    text = _PATH.sub("[path]", text)
    text = _CONTROL.sub(" ", text).strip()
    # Once more: what was taken out may have left a secret's parts side by side.
    text = _hide_known(text, secrets)
    return text if len(text) <= max_chars else text[: max_chars - 1] + "…"


def redact_headers(headers: Mapping[str, str], secrets: Sequence[str] = ()) -> dict[str, str]:
    """Return headers fit for a log: credentials hidden whole, by name.

    Examples
    --------
    >>> redact_headers({"X-Api-Key": "k", "Accept": "text/html"})
    {'X-Api-Key': '[redacted]', 'Accept': 'text/html'}
    """
    return {
        name: HIDDEN if is_sensitive_name(name) else hide_secrets(value, secrets)
        for name, value in headers.items()
    }


def is_sensitive_name(name: str) -> bool:
    """Tell whether a header or field of this name holds a credential.

    Examples
    --------
    >>> [is_sensitive_name(n) for n in ("Authorization", "x-goog-api-key", "input_tokens", "key")]
    [True, True, False, True]
    """
    return not name.lower().endswith("tokens") and _SENSITIVE_NAME.search(name) is not None


def _hide_known(text: str, secrets: Sequence[str]) -> str:
    """The secrets replaced, longest first, so that none survives in another's remains."""
    for secret in sorted({secret for secret in secrets if secret}, key=len, reverse=True):
        if secret not in text:
            continue
        if len(secret) < _WHOLE_WORD_BELOW_CHARS:
            text = re.sub(rf"(?<!\w){re.escape(secret)}(?!\w)", HIDDEN, text)
        else:
            text = text.replace(secret, HIDDEN)
    return text


def _without_html(text: str) -> str:
    """The words of a page; text in which no tag stands is left as it is."""
    stripped = _HTML_TAG.sub(" ", _HTML_HIDDEN.sub(" ", text))
    return text if stripped == text else re.sub(r"\s+", " ", stripped).strip()
