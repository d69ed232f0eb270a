from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from router.providers.base import Account
from router.state.retry_tokens import SUCCESSES_PER_TOKEN, RetryTokens, provider_key


def drained(capacity: int = 3) -> RetryTokens:
    tokens = RetryTokens(capacity)
    while tokens.take("p", 0.0):
        pass
    return tokens


def test_a_provider_starts_with_a_full_bucket_of_its_own() -> None:
    tokens = drained()
    assert tokens.tokens("p", 0.0) == 0
    assert tokens.tokens("other", 0.0) == 3


def test_a_repeat_that_succeeds_gives_its_token_back() -> None:
    tokens = drained()
    tokens.record_success("p", 0.0, repeated=True)
    assert tokens.take("p", 0.0)
    assert not tokens.take("p", 0.0)


def test_ordinary_successes_fill_it_slowly() -> None:
    tokens = drained()
    for _ in range(SUCCESSES_PER_TOKEN - 1):
        tokens.record_success("p", 0.0)
    assert not tokens.take("p", 0.0)
    tokens.record_success("p", 0.0)
    assert tokens.take("p", 0.0)


def test_a_long_silence_fills_it() -> None:
    assert drained().take("p", 10_000.0)


def test_accounts_of_one_address_share_and_other_addresses_do_not() -> None:
    one = Account("a", "openai", "openai", "https://one")
    assert provider_key(one) == provider_key(Account("b", "openai", "openai", "https://one"))
    assert provider_key(one) != provider_key(Account("a", "openai", "openai", "https://two"))


@given(st.lists(st.sampled_from(["repeat", "success", "repaid"])), st.integers(0, 5))
def test_repeats_never_exceed_capacity_and_what_successes_earned(
    happenings: list[str], capacity: int
) -> None:
    tokens = RetryTokens(capacity)
    earned = 0.0
    repeats = 0
    for happening in happenings:
        if happening == "repeat":
            repeats += tokens.take("p", 0.0)
        else:
            tokens.record_success("p", 0.0, repeated=happening == "repaid")
            earned += 1.0 if happening == "repaid" else 1 / SUCCESSES_PER_TOKEN
        assert 0 <= tokens.tokens("p", 0.0) <= capacity
        assert repeats <= capacity + earned + 1e-9
