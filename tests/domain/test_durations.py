from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as some

from domain import durations
from domain.durations import CalendarTerm


@pytest.mark.parametrize(
    ("text", "duration"),
    [
        ("PT6M", timedelta(minutes=6)),
        ("P7D", timedelta(days=7)),
        ("P1DT2H3M4S", timedelta(days=1, hours=2, minutes=3, seconds=4)),
        ("P2W", timedelta(days=14)),
        ("PT90S", timedelta(seconds=90)),
        ("PT0S", timedelta(0)),
    ],
)
def test_exact_durations_are_read(text, duration):
    assert durations.parse(text) == duration


@pytest.mark.parametrize(
    "text",
    [
        "",
        "P",
        "PT",
        "P1DT",
        "6M",
        "P1M",
        "P1Y",
        "PT1.5H",
        "-P1D",
        "P-1D",
        "p7d",
        " P7D",
        "P7D\n",
        "PT٦M",
        "6 minutes",
        "P1H",
    ],
)
def test_anything_else_is_refused(text):
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        durations.parse(text)


def test_a_duration_longer_than_any_calendar_is_refused():
    with pytest.raises(ValueError, match="longer than any calendar"):
        durations.parse("P999999999W")


@given(some.timedeltas(timedelta(0), timedelta(days=100_000)))
def test_text_is_read_back(duration):
    whole = timedelta(days=duration.days, seconds=duration.seconds)
    assert durations.parse(durations.text(whole)) == whole


def test_text_is_short():
    assert durations.text(timedelta(minutes=90)) == "PT1H30M"
    assert durations.text(timedelta(days=7)) == "P7D"
    assert durations.text(timedelta(0)) == "PT0S"


@pytest.mark.parametrize(
    ("text", "term", "written"),
    [
        ("P1Y", CalendarTerm(months=12), "P1Y"),
        ("P18M", CalendarTerm(months=18), "P1Y6M"),
        ("P30D", CalendarTerm(days=30), "P30D"),
        ("P1Y2M1W1D", CalendarTerm(months=14, days=8), "P1Y2M8D"),
    ],
)
def test_calendar_terms_are_read_and_written(text, term, written):
    assert CalendarTerm.parse(text) == term
    assert str(term) == written
    assert CalendarTerm.parse(written) == term


@pytest.mark.parametrize("text", ["", "P", "PT1H", "P1DT1H", "forever", "P1.5Y"])
def test_a_calendar_term_has_whole_days_at_least(text):
    with pytest.raises(ValueError, match="is not an ISO 8601 duration"):
        CalendarTerm.parse(text)


def test_a_month_ends_on_the_last_day_that_there_is():
    noon = datetime(2027, 1, 31, 12, tzinfo=UTC)
    assert CalendarTerm(months=1).after(noon) == datetime(2027, 2, 28, 12, tzinfo=UTC)
    assert CalendarTerm(months=13).after(noon) == datetime(2028, 2, 29, 12, tzinfo=UTC)
    assert CalendarTerm(months=11).after(noon) == datetime(2027, 12, 31, 12, tzinfo=UTC)
    assert CalendarTerm(months=1, days=1).after(noon) == datetime(2027, 3, 1, 12, tzinfo=UTC)


def test_a_term_past_the_last_year_of_the_calendar_is_refused():
    with pytest.raises(OverflowError):
        CalendarTerm(months=12 * 9000).after(datetime(2027, 1, 31, tzinfo=UTC))
