"""The checker is checked: equal streams are equal, and one changed, missing or added row turns it red."""

from hypothesis import given
from hypothesis import strategies as st

from verify.canonical import Difference, compare
from verify.result import SHOWN, Result
from verify.settle import ASK_AGAIN_SECONDS, QUIET_SECONDS, Ask

ROWS = st.dictionaries(st.text(alphabet="abcé\x01", max_size=4), st.text(alphabet="xyz", max_size=3), max_size=12)


def ordered(rows):
    return sorted(rows.items(), key=lambda row: row[0].encode())


@given(ROWS)
def test_equal_streams_have_no_difference(rows):
    found = list(compare(ordered(rows), ordered(rows)))
    assert found == [None] * len(rows)


@given(ROWS, ROWS)
def test_every_difference_is_found_once_in_both_directions(left, right):
    found = [each for each in compare(ordered(left), ordered(right)) if each]
    expected = {key for key in left.keys() | right.keys() if left.get(key) != right.get(key)}
    assert sorted(each.key for each in found) == sorted(expected)
    for each in found:
        assert (each.left, each.right) == (left.get(each.key), right.get(each.key))


def test_a_difference_names_the_column():
    difference = Difference("k", "1\x012", "1\x013")
    assert difference.describe("Postgres", "ClickHouse", ("a", "b")) == "k: b '2' in Postgres, '3' in ClickHouse"
    assert Difference("k", "1", None).describe("Postgres", "ClickHouse", ("a",)) == "k: only in Postgres"


def test_a_result_counts_all_and_names_the_first():
    result = Result("I0", "nothing")
    assert result.holds
    for number in range(SHOWN + 5):
        result.differ(f"difference {number}")
    assert not result.holds and result.differing == SHOWN + 5 and len(result.differences) == SHOWN


def test_a_checkpoint_is_asked_for_when_the_job_has_gone_quiet():
    """Each costs the job a flush of its state: none while records still come out of it, and not one every second after."""
    ask, again = Ask(), 10 + QUIET_SECONDS
    assert not any(ask.is_due(sent, now=sent / 100) for sent in range(0, 1000, 100))
    assert not ask.is_due(1000, now=10)
    assert ask.is_due(1000, now=again)
    assert not ask.is_due(1000, now=again + ASK_AGAIN_SECONDS - 1)
    assert ask.is_due(1000, now=again + ASK_AGAIN_SECONDS)
    assert not ask.is_due(1001, now=again + ASK_AGAIN_SECONDS)
