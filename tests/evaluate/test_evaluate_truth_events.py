"""Events as a truth, against plain loops over users."""

import numpy as np
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from truth_store import barred, graded, product, snapshot_of

from sosie.errors import TruthError
from sosie.evaluate.history import seconds_of
from sosie.evaluate.truth import TaskOptions, events_task

LAST = TaskOptions()


@pytest.fixture(scope="module")
def shop(tmp_path_factory):
    products = [product(id) for id in "abcdef"] + [product("s-1", "s"), product("s-2", "s")]
    return snapshot_of(tmp_path_factory.mktemp("shop"), products)


def written(folder, *rows, header="user,product,time"):
    file = folder / "events.csv"
    file.write_text("\n".join([header, *rows]) + "\n", encoding="utf-8")
    return file


def asked(task):
    return {key: query.like for key, query in zip(task.keys, task.asked, strict=True)}


def popular(task):
    """Title -> how often it was taken, of those that were."""
    count = {task.titles[place]: n for place, n in zip(task.places.tolist(), task.popularity.tolist(), strict=True)}
    return {title: n for title, n in count.items() if n}


def test_the_last_event_of_each_user_is_to_be_found(shop, tmp_path):
    file = written(tmp_path, "u,a,1", "u,b,2", "u,c,3", "v,a,1", "v,d,9", "w,f,5")
    task = events_task(shop, file, LAST)
    assert graded(task) == {"u": {"c": 1}, "v": {"d": 1}}
    assert asked(task) == {"u": ("b", "a"), "v": ("a",)}
    assert barred(task) == {"u": {"a", "b"}, "v": {"a"}}
    assert popular(task) == {"a": 2, "b": 1, "f": 1}
    assert task.clusters.tolist() == [0, 1]
    assert task.name == "events events.csv, the last of each user"
    assert task.notes == (f"{file}: 1 of 3 users took a single product; they can't ask.",)


def test_repeats_are_not_to_be_found_unless_wanted(shop, tmp_path):
    file = written(tmp_path, "u,a,1", "u,b,2", "u,a,3", "v,s-1,1", "v,s-2,2", "w,c,1", "w,s-1,2", "w,s-2,3", "w,c,4")
    task = events_task(shop, file, LAST)
    assert graded(task) == {"u": {"b": 1}, "w": {"s-1": 1}}
    assert asked(task) == {"u": ("a",), "w": ("c",)}
    assert popular(task) == {"a": 1, "c": 1, "s-1": 2}
    task = events_task(shop, file, TaskOptions(repeats=True))
    assert graded(task) == {"u": {"a": 1}, "v": {"s-1": 1}, "w": {"c": 1}}
    assert asked(task) == {"u": ("b", "a"), "v": ("s-1",), "w": ("s-2", "c")}
    assert barred(task) == {"u": set(), "v": set(), "w": set()}
    task = events_task(shop, file, TaskOptions(variants=True))
    assert graded(task)["v"] == {"s-2": 1}


def test_events_out_of_order_are_sorted_and_told(shop, tmp_path):
    file = written(tmp_path, "u,c,3", "v,d,9", "u,a,1", "v,a,1", "u,b,2")
    task = events_task(shop, file, LAST)
    assert graded(task) == {"u": {"c": 1}, "v": {"d": 1}}
    assert asked(task) == {"u": ("b", "a"), "v": ("a",)}
    assert task.notes == (f"{file}: 2 of 5 events stand behind later ones; sorted by time.",)


def test_equal_times_and_none(shop, tmp_path):
    file = written(tmp_path, "u,a,1", "u,b,1", "v,c,1", "v,a,2")
    task = events_task(shop, file, LAST)
    assert graded(task) == {"u": {"b": 1}, "v": {"a": 1}}
    assert task.notes == (
        f"{file}: the last event of 1 users has the time of the one before; the file's order decides.",
    )
    file = written(tmp_path, "u,b", "v,a", "u,a", "v,c", header="customer_id,sku")
    task = events_task(shop, file, LAST)
    assert graded(task) == {"u": {"a": 1}, "v": {"c": 1}}
    assert task.notes == (f"{file}: has no column of times; the order of its rows is taken for it.",)


def test_from_a_time_on(shop, tmp_path):
    rows = ["u,a,1", "u,b,2", "u,c,3", "u,a,4", "v,d,1", "v,e,2", "w,f,4", "x,e,1", "x,d,3", "x,f,4"]
    file = written(tmp_path, *rows)
    task = events_task(shop, file, TaskOptions(at="3"))
    assert graded(task) == {"u": {"c": 1}, "x": {"d": 1, "f": 1}}
    assert asked(task) == {"u": ("b", "a"), "x": ("e",)}
    assert popular(task) == {"a": 1, "b": 1, "d": 1, "e": 2}
    assert task.name == "events events.csv, from 3 on"
    assert task.notes == (
        f"{file}: 1 users took nothing before; they can't ask.",
        f"{file}: 1 of 4 products taken later had been taken before; only new ones are to be found.",
    )
    assert graded(events_task(shop, file, TaskOptions(at="3", repeats=True)))["u"] == {"a": 1, "c": 1}
    task = events_task(shop, file, TaskOptions(at="40%"))
    assert graded(task) == {"u": {"b": 1, "c": 1}, "v": {"e": 1}, "x": {"d": 1, "f": 1}}
    assert task.name == "events events.csv, from 40% on"


def test_dates(shop, tmp_path):
    rows = ["u,a,2024-01-31", "u,b,2024/02/01", "v,c,2024-01-01T10:00:00Z", "v,d,2024-02-01 00:00:01", "v,e,soon"]
    file = written(tmp_path, *rows, header="user,product,date")
    task = events_task(shop, file, TaskOptions(at="2024-02-01"))
    assert graded(task) == {"u": {"b": 1}, "v": {"d": 1}}
    assert task.notes == (f"{file}: 1 of 5 rows (5) have no time that can be read; left out.",)
    assert seconds_of(pl.Series(["1970-01-02", "1970-01-01T01:00:00+01:00", "?"])).to_list() == [86400, 0, None]
    assert seconds_of(pl.Series(["12", "1.5", "2024-01-01", "nan"])).to_list() == [12, 1.5, None, None]


def test_splits_of_the_file(shop, tmp_path):
    rows = ["u,a,1,train", "u,b,2,valid", "u,c,3,test", "v,d,1,train", "v,e,2,valid", "v,f,3,test", "v,a,4,train"]
    file = written(tmp_path, *rows, header="household,item,day,part")
    task = events_task(shop, file, TaskOptions(split="part"))
    assert graded(task) == {"u": {"c": 1}, "v": {"f": 1}}
    assert asked(task) == {"u": ("b", "a"), "v": ("e", "d")}
    assert task.name == "events events.csv, test after train+valid"
    future = f"{file}: 1 events of train+valid are later than the user's first of test; left out."
    assert task.notes == (future,)
    task = events_task(shop, file, TaskOptions(split="part", query_split="val"))
    assert graded(task) == {"u": {"b": 1}, "v": {"e": 1}}
    assert asked(task) == {"u": ("a",), "v": ("d",)}
    assert task.name == "events events.csv, valid after train"
    task = events_task(shop, file, TaskOptions(split="part", gallery_split=("train",)))
    assert asked(task) == {"u": ("a",), "v": ("d",)}


def test_kinds_and_values(shop, tmp_path):
    rows = ["u,a,view,1", "u,b,buy,1", "u,c,buy,-1", "u,d,Buy,2", "v,a,buy,1", "v,b,buy,", "v,c,view,1"]
    file = written(tmp_path, *rows, header="user_id,product_id,event_type,quantity")
    task = events_task(shop, file, TaskOptions(kinds=("buy",)))
    assert graded(task) == {"u": {"d": 1}, "v": {"b": 1}}
    assert task.notes[0] == f"{file}: 1 of 5 rows (3) have a value of 0 or less (returned, disliked); left out."


def test_only_the_last_products_of_a_history_ask(tmp_path):
    names = [f"p{at:02}" for at in range(26)]
    shop = snapshot_of(tmp_path, [product(name) for name in names])
    taken = [*names[:25], names[3], names[25]]
    rows = [f"{user},{name},{at}" for user in "uv" for at, name in enumerate(taken)]
    task = events_task(shop, written(tmp_path, *rows), LAST)
    assert asked(task)["v"] == (names[3], *names[24:5:-1])
    assert barred(task)["v"] == set(names[:25])


@pytest.mark.parametrize(
    ("rows", "options", "told"),
    [
        (["u,a,1", "u,b,2"], LAST, "all 2 events are of one user .u.; answers are judged over many users"),
        (["u,a,1", "v,b,2"], LAST, "no user has events both before and later .the last of each user."),
        (["u,a,1", "v,b,2"], TaskOptions(at="2"), "no user has events both before and later .from 2 on."),
        (["u,a,1", "v,b,2"], TaskOptions(at="3"), "all events are before 3; none"),
        (["u,a,1", "v,b,2"], TaskOptions(at="1"), "all events are from 1 on; none"),
        (["u,a,1", "v,b,2"], TaskOptions(at="x"), "'x' is no time, no date and no share"),
        (["u,a,1", "v,b,2"], TaskOptions(at="100%"), "'100%' is no share of the events between"),
        (["u,a,1", "u,a,2", "v,b,1", "v,b,2"], TaskOptions(at="2"), "no question has anything relevant"),
        (["u,a,1", "v,b,2"], TaskOptions(split="splt"), "has no column 'splt'"),
        (["u,a,1", "v,b,2"], TaskOptions(split="time"), "there is no split 'test'; it says 1, 2"),
        (["u,a,1", "v,b,2"], TaskOptions(split="time", at="1"), "parted by a split or by a time, not by both"),
        (["u,a,1", "v,b,2"], TaskOptions(query_split="test"), "give --split COLUMN"),
        (["u,z,1", "v,b,2"], LAST, "1 of 2 ids are not in the store .z., more than 20%"),
        (["u,a,1", "v,b,2"], TaskOptions(kinds=("buy",)), "no column that tells the kind"),
        (["u,a,x", "v,b,y"], LAST, "2 of 2 rows .1, 2. have no time that can be read; nothing is left"),
    ],
)
def test_events_that_can_not_be_used(shop, tmp_path, rows, options, told):
    with pytest.raises(TruthError, match=told):
        events_task(shop, written(tmp_path, *rows), options)


def test_unknown_products_are_told(shop, tmp_path):
    file = written(tmp_path, "u,a,1", "u,gone,2", "u,b,3", "v,c,1", "v,d,2", "v,e,3")
    task = events_task(shop, file, LAST)
    assert (task.unknown, asked(task)) == (("gone",), {"u": ("a",), "v": ("d", "c")})


numbers = st.integers(0, 2**32 - 1).map(np.random.default_rng)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(generator=numbers, size=st.integers(4, 30), repeats=st.booleans(), last=st.booleans(), variants=st.booleans())
def test_is_what_plain_loops_find(shop, tmp_path, generator, size, repeats, last, variants):
    ids = ["a", "b", "c", "s-1", "s-2"]
    drawn = zip(
        generator.integers(0, 4, size), generator.choice(ids, size), generator.integers(0, 9, size), strict=True
    )
    events = [(f"u{user}", str(id), int(time)) for user, id, time in drawn]
    file = written(tmp_path, *(f"{user},{id},{time}" for user, id, time in events))
    title = dict(zip(ids, ids, strict=True)) | ({} if variants else {"s-2": "s-1"})
    expected, count = {}, {}
    for user in sorted({user for user, _, _ in events}):
        own = sorted((event for event in events if event[0] == user), key=lambda event: event[2])
        taken = [title[id] for _, id, _ in own]
        if last:
            new = [at for at, name in enumerate(taken) if repeats or name not in taken[:at]]
            cut, stop = (new[-1], new[-1] + 1) if new[-1] else (len(own), len(own))
        else:
            cut, stop = sum(time < 5 for _, _, time in own), len(own)
        for name in taken[:cut]:
            count[name] = count.get(name, 0) + 1
        if 0 < cut < len(own):
            past = list(dict.fromkeys(reversed(taken[:cut])))
            expected[user] = ({name: 1 for name in taken[cut:stop] if repeats or name not in past}, past)
    try:
        task = events_task(shop, file, TaskOptions(at="last" if last else "5", repeats=repeats, variants=variants))
    except TruthError:
        one_user = len({user for user, _, _ in events}) == 1
        one_side = not last and len({time < 5 for _, _, time in events}) == 1
        assert one_user or one_side or not any(found for found, _ in expected.values())
        return
    assert graded(task) == {user: found for user, (found, _) in expected.items()}
    found = {user: [title[id] for id in like] for user, like in asked(task).items()}
    assert found == {user: past for user, (_, past) in expected.items()}
    assert barred(task) == {user: set() if repeats else set(past) for user, (_, past) in expected.items()}
    assert popular(task) == count
