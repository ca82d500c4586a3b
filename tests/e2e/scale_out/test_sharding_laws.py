"""Rendezvous hashing, whatever the sidecars and the dependencies are called."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sidecar.sharding import Shard, probers

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1, max_size=8)
MEMBERS = st.lists(NAMES, min_size=1, max_size=8, unique=True)


@settings(max_examples=300, deadline=None)
@given(MEMBERS, NAMES, st.data())
def test_each_dependency_is_probed_by_exactly_as_many_as_asked_for(
    members: list[str], dependency: str, data: st.DataObject
) -> None:
    replicas = data.draw(st.integers(1, len(members)))
    having = [name for name in members if Shard(name, frozenset(members), replicas).has(dependency)]
    assert len(having) == replicas


@settings(max_examples=300, deadline=None)
@given(MEMBERS, NAMES, st.data())
def test_the_order_of_the_list_does_not_matter(
    members: list[str], dependency: str, data: st.DataObject
) -> None:
    shuffled = data.draw(st.permutations(members))
    assert probers(dependency, members, 3) == probers(dependency, shuffled, 3)


@settings(max_examples=300, deadline=None)
@given(st.lists(NAMES, min_size=2, max_size=8, unique=True), NAMES, st.data())
def test_only_what_the_member_had_moves_when_it_leaves(
    members: list[str], dependency: str, data: st.DataObject
) -> None:
    replicas = data.draw(st.integers(1, len(members) - 1))
    gone = data.draw(st.sampled_from(members))
    before = probers(dependency, members, replicas)
    after = probers(dependency, [name for name in members if name != gone], replicas)
    assert [name for name in before if name != gone] == after[: replicas - (gone in before)]
    assert (after == before) == (gone not in before)


@settings(max_examples=100, deadline=None)
@given(st.integers(2, 8), st.data())
def test_the_load_is_balanced_whatever_the_members_are_called(count: int, data: st.DataObject) -> None:
    prefix = data.draw(NAMES)
    members = [f"{prefix}-{number}" for number in range(count)]
    replicas = data.draw(st.integers(1, count))
    dependencies = 500
    load_of = dict.fromkeys(members, 0)
    for number in range(dependencies):
        for name in probers(f"dependency_{number}", members, replicas):
            load_of[name] += 1
    chance = replicas / count
    deviation = (dependencies * chance * (1 - chance)) ** 0.5
    # Six standard deviations: by chance alone once in some hundred million.
    assert all(abs(load - dependencies * chance) <= 6 * deviation for load in load_of.values())
