"""How many organizations have series of their own is bounded, and a label once given stays."""

from fsapp.metrics.organizations import MOST, OTHER, Organizations


def test_only_configured_organizations_have_a_label_of_their_own() -> None:
    organizations = Organizations()
    assert organizations.learn([7, 1]) == ["1", "7"]
    assert [organizations.label(number) for number in (1, 7, 8)] == ["1", "7", OTHER]
    assert organizations.labels == ["1", "7", OTHER]


def test_what_is_known_is_not_new() -> None:
    organizations = Organizations()
    organizations.learn([1])
    assert organizations.learn([1, 2]) == ["2"]


def test_there_is_an_end_to_it() -> None:
    organizations = Organizations()
    organizations.learn(range(10 * MOST))
    assert len(organizations.labels) == MOST + 1
    assert organizations.learn([10**6]) == []
    assert organizations.label(MOST - 1) == str(MOST - 1)
    assert organizations.label(MOST) == OTHER


def test_a_label_once_given_is_kept() -> None:
    organizations = Organizations()
    organizations.learn([500])
    organizations.learn(range(MOST))
    assert organizations.label(500) == "500"
    assert organizations.label(MOST - 1) == OTHER
