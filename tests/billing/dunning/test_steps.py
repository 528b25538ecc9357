"""When a step is lawful, day by day."""

from datetime import date, timedelta

from hypothesis import given
from hypothesis import strategies as st

from meterhub.billing.dunning.steps import Happened, Step, acts_on, current, data, fee_on, next_step, rules_of

DUE = date(2026, 1, 15)
FI, NO = rules_of("FI"), rules_of("NO")
FEES = data("fees.json")


def days(number):
    return timedelta(days=number)


def test_nobody_is_reminded_before_the_fourteenth_day():
    assert next_step(DUE, [], DUE + days(13), FI) is None
    assert next_step(DUE, [], DUE + days(14), FI) == Step.REMINDER_1


def test_finland_hands_over_after_one_reminder_and_norway_after_two():
    reminded = Happened("reminder_1", DUE + days(14))
    assert next_step(DUE, [reminded], DUE + days(27), FI) is None
    assert next_step(DUE, [reminded], DUE + days(28), FI) == Step.COLLECTION
    assert next_step(DUE, [reminded], DUE + days(28), NO) == Step.REMINDER_2
    again = Happened("reminder_2", DUE + days(28))
    assert next_step(DUE, [reminded, again], DUE + days(41), NO) is None
    assert next_step(DUE, [reminded, again], DUE + days(42), NO) == Step.COLLECTION


def test_what_came_back_from_collection_is_left_to_a_person():
    course = [Happened(step, DUE) for step in ("reminder_1", "collection", "taken_back")]
    assert next_step(DUE, course, DUE + days(900), FI) is None


def test_water_is_closed_five_weeks_after_the_warning_and_ten_where_life_is_hard():
    assert acts_on(date(2026, 3, 2), FI, hardship=False) == date(2026, 4, 6)
    assert acts_on(date(2026, 3, 2), FI, hardship=True) == date(2026, 5, 11)
    assert acts_on(date(2026, 3, 2), NO, hardship=False) is None


def test_the_fee_is_that_of_the_kind_of_customer_on_the_day():
    fi = [fee for fee in FEES if fee["country"] == "FI"]
    no = [fee for fee in FEES if fee["country"] == "NO"]
    assert fee_on(fi, "private", "reminder_1", DUE) == "5.00"
    assert fee_on(fi, "company", "reminder_1", DUE) == "10.00"
    assert fee_on(no, "private", "reminder_1", date(2020, 9, 30)) == "70.00"
    assert fee_on(no, "private", "reminder_1", date(2020, 10, 1)) == "35.00"
    assert fee_on(no, "private", "reminder_1", date(2000, 1, 1)) is None
    corrected = [
        *fi,
        {"customer_kind": "private", "step": "reminder_1", "amount": "4.00", "valid_from": "2013-03-16"},
    ]
    assert fee_on(corrected, "private", "reminder_1", DUE) == "4.00"


@given(st.lists(st.tuples(st.sampled_from(list(Step)), st.integers(0, 400)), max_size=6), st.integers(0, 800))
def test_no_step_comes_twice_or_before_its_time_whatever_happened(happened, wait):
    events = [Happened(step.value, DUE + days(after)) for step, after in sorted(happened, key=lambda one: one[1])]
    as_of = DUE + days(wait)
    for rules in (FI, NO):
        step = next_step(DUE, events, as_of, rules)
        if step is not None:
            assert step not in current(events)
            assert as_of >= DUE + days(14)
            if step is Step.COLLECTION:
                assert any(event.step == Step.REMINDER_1 or event.step == Step.REMINDER_2 for event in events)
