from chat_api_client.backoff import Backoff, Delay


def test_the_bound_doubles_up_to_the_maximum_and_starts_over_after_a_success() -> None:
    backoff = Backoff(0.5, 4, draw=lambda: 1.0)
    assert [backoff.next().seconds for _ in range(6)] == [0.5, 1, 2, 4, 4, 4]
    backoff.reset()
    assert backoff.next().seconds == 0.5


def test_the_delay_is_random_between_zero_and_the_bound() -> None:
    draws = iter([0.0, 0.25, 0.75])
    backoff = Backoff(1, 30, draw=lambda: next(draws))
    assert [backoff.next().seconds for _ in range(3)] == [0, 0.5, 3]


def test_a_server_is_never_asked_earlier_than_it_wants() -> None:
    backoff = Backoff(0.5, 30, draw=lambda: 1.0)
    assert backoff.next(at_least=7) == Delay(7, at_least=7)
    assert backoff.next(at_least=0.25) == Delay(1, at_least=0.25)


def test_thousands_of_failures_are_no_problem() -> None:
    backoff = Backoff(0.5, 30, draw=lambda: 1.0)
    assert [backoff.next().seconds for _ in range(5_000)][-1] == 30
