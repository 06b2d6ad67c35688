# SPDX-License-Identifier: GPL-2.0-only
"""Who gets which cell, decided without any network."""

import pytest

from testbed.run.cluster.ledger import DEATHS, Ledger, Need, Seat

SMALL = Need(1, 1024, False)


def seat(number: int, cores: int = 2, memory: int = 8192, kvm: bool = False, store: str = "") -> Seat:
    return Seat(f"tcp://h{number}:1", f"h{number}", store or f"store {number}", cores, memory, kvm)


def ledger(needs, *seats: Seat, at_once: int | None = None) -> Ledger:
    book = Ledger(needs, at_once)
    for each in seats:
        book.join(each)
    return book


def cells(count: int, need: Need = SMALL) -> dict[str, Need]:
    return {f"cell {number}": need for number in range(count)}


def all_of(book: Ledger, address: str) -> list[str]:
    return list(iter(lambda: book.take(address), None))


def test_worker_gets_as_many_cells_as_its_cores_carry_in_the_order_of_the_plan():
    book = ledger(cells(5), seat(1, cores=2))
    assert all_of(book, seat(1).address) == ["cell 0", "cell 1"]
    assert book.finished("cell 0")
    assert all_of(book, seat(1).address) == ["cell 2"]


def test_worker_gets_as_many_cells_as_its_memory_carries():
    book = ledger(cells(5, Need(1, 3000, False)), seat(1, cores=8, memory=8192))
    assert len(all_of(book, seat(1).address)) == 2


def test_cell_that_does_not_fit_now_does_not_hold_up_a_smaller_one():
    needs = {"large": Need(4, 100, False), "larger": Need(4, 100, False), "small": Need(1, 100, False)}
    book = ledger(needs, seat(1, cores=5))
    assert all_of(book, seat(1).address) == ["large", "small"]


def test_guest_of_more_cpus_than_any_worker_has_gets_the_largest_worker_whole():
    book = ledger(cells(2, Need(8, 100, False)), seat(1, cores=2), seat(2, cores=4))
    assert all_of(book, seat(1).address) == []
    assert all_of(book, seat(2).address) == ["cell 0"]
    assert book.asks("cell 0").cores == 4


def test_cell_that_asks_for_kvm_goes_to_a_worker_that_proved_it():
    book = ledger(cells(1, Need(1, 100, True)), seat(1), seat(2, kvm=True))
    assert (all_of(book, seat(1).address), all_of(book, seat(2).address)) == ([], ["cell 0"])


def test_no_more_cells_run_at_once_than_was_asked_for():
    book = ledger(cells(5), seat(1), seat(2), at_once=3)
    assert len(all_of(book, seat(1).address) + all_of(book, seat(2).address)) == 3


def test_cell_waits_for_its_artefacts_and_another_goes_first():
    needs = {"a": Need(1, 1, False, frozenset({"kernel a"})), "b": Need(1, 1, False, frozenset({"kernel b"}))}
    book = ledger(needs, seat(1))
    book.stored("store 1", "kernel b")
    assert set(book.lacking(seat(1).address)) == {"kernel a"}
    assert all_of(book, seat(1).address) == ["b"]
    book.stored("store 1", "kernel a")
    assert all_of(book, seat(1).address) == ["a"]


def test_workers_that_share_a_cache_have_what_one_of_them_was_sent():
    needs = cells(2, Need(1, 1, False, frozenset({"kernel"})))
    book = ledger(needs, seat(1, cores=1, store="nfs"), seat(2, cores=1, store="nfs"))
    book.stored("nfs", "kernel")
    assert (all_of(book, seat(1).address), all_of(book, seat(2).address)) == (["cell 0"], ["cell 1"])


@pytest.mark.parametrize(
    ("need", "seats", "lack"),
    [
        (SMALL, [], "no worker is there"),
        (Need(1, 9000, False), [seat(1)], "9000 MiB are needed, and the largest of 1 workers has 8192 MiB"),
        (Need(1, 1, True), [seat(1), seat(2)], "KVM is asked for, and is proved on none of 2 workers"),
        (
            Need(1, 9000, True),
            [seat(1, memory=10000), seat(2, kvm=True)],
            "9000 MiB are needed, and the largest of 1 workers with KVM has 8192 MiB",
        ),
    ],
)
def test_cell_that_can_run_nowhere_is_named_with_what_lacks(need, seats, lack):
    assert ledger(cells(1, need), *seats).unfit() == ("cell 0", lack)


def test_cells_of_a_dead_worker_run_elsewhere_each_alone_before_all_others():
    book = ledger(cells(6), seat(1), seat(2))
    assert all_of(book, seat(1).address) == ["cell 0", "cell 1"]
    assert book.leave(seat(1).address) == []
    assert all_of(book, seat(2).address) == ["cell 0"]
    assert book.finished("cell 0")
    assert all_of(book, seat(2).address) == ["cell 1"]
    assert book.finished("cell 1")
    assert all_of(book, seat(2).address) == ["cell 2", "cell 3"]


def test_busy_worker_is_emptied_for_a_suspect_and_the_others_go_on():
    book = ledger(cells(9), seat(1, cores=1), seat(2), seat(3))
    for number in (1, 2, 3):
        all_of(book, seat(number).address)
    book.leave(seat(1).address)
    assert book.finished("cell 1")
    assert all_of(book, seat(2).address) == []
    assert book.finished("cell 3")
    assert all_of(book, seat(3).address) == ["cell 5"]
    assert book.finished("cell 2")
    assert all_of(book, seat(2).address) == ["cell 0"]


def test_cell_that_kills_its_workers_is_given_up_and_its_neighbours_are_not():
    book = ledger(cells(2), *(seat(number) for number in range(DEATHS)))
    given_up = []
    for number in range(DEATHS):
        address = seat(number).address
        taken = all_of(book, address)
        while "cell 1" not in taken:  # the neighbour, alone
            assert taken == ["cell 0"]
            book.finished("cell 0")
            taken = all_of(book, address)
        given_up += book.leave(address)
    assert given_up == ["cell 1"]
    assert book.deaths("cell 0") == 1


def test_worker_that_goes_in_order_speaks_against_no_cell():
    book = ledger(cells(2), seat(1))
    for _ in range(DEATHS + 1):
        assert set(all_of(book, seat(1).address)) == {"cell 0", "cell 1"}
        assert book.leave(seat(1).address, died=False) == []
        book.join(seat(1))
    assert book.deaths("cell 0") == 0


def test_second_result_of_a_cell_is_told_from_the_first():
    book = ledger(cells(1), seat(1))
    book.take(seat(1).address)
    assert (book.finished("cell 0"), book.finished("cell 0"), book.left) == (True, False, 0)


def test_result_that_comes_late_is_taken_and_the_cell_is_not_run_again():
    book = ledger(cells(2), seat(1))
    all_of(book, seat(1).address)
    book.leave(seat(1).address)
    assert book.finished("cell 0")
    book.join(seat(2))
    assert all_of(book, seat(2).address) == ["cell 1"]
    assert book.finished("cell 1")
    assert all_of(book, seat(2).address) == []


def test_suspect_whose_artefacts_went_with_its_worker_has_them_sent_to_another():
    book = ledger(cells(1, Need(1, 1, False, frozenset({"kernel"}))), seat(1))
    book.stored("store 1", "kernel")
    book.take(seat(1).address)
    book.leave(seat(1).address)
    book.join(seat(2))
    assert set(book.lacking(seat(2).address)) == {"kernel"}
    book.stored("store 2", "kernel")
    assert all_of(book, seat(2).address) == ["cell 0"]


def test_every_cell_of_a_large_run_is_handed_out_once():
    needs = cells(20_000)
    book = ledger(needs, *(seat(number, cores=4) for number in range(1000)))
    running = [(each.address, name) for each in book.seats for name in all_of(book, each.address)]
    assert len(running) == 4000
    done = 0
    while running:
        address, name = running.pop()
        assert book.finished(name)
        done += 1
        running += [(address, following) for following in all_of(book, address)]
    assert (done, book.left) == (20_000, 0)
