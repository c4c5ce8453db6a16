from collections import deque

import torch
from hypothesis import given
from hypothesis import strategies as st

from sosie.train.memory import Memory


@given(st.integers(1, 7), st.lists(st.integers(0, 9), max_size=6))
def test_the_last_ones_are_remembered(size, lengths):
    memory, expected, row = Memory(size, 2), deque(maxlen=size), 0
    for length in lengths:
        rows = torch.arange(row, row + length)
        memory.push(torch.stack([rows, -rows], 1).float(), rows)
        expected.extend(rows.tolist())
        row += length
    embeddings, rows = memory.contents()
    assert sorted(rows.tolist()) == sorted(expected)
    assert torch.equal(embeddings, torch.stack([rows, -rows], 1).float())


def test_a_resumed_memory_goes_on_as_if_nothing_had_happened():
    first = Memory(5, 3)
    first.push(torch.randn(4, 3), torch.arange(4))
    second = Memory(5, 3)
    second.load_state_dict(first.state_dict())
    more = torch.randn(3, 3)
    for memory in (first, second):
        memory.push(more, torch.tensor([7, 8, 9]))
    assert all(torch.equal(a, b) for a, b in zip(first.contents(), second.contents(), strict=True))


def test_no_gradient_is_kept():
    memory, embeddings = Memory(4, 2), torch.randn(2, 2, requires_grad=True)
    memory.push(embeddings, torch.arange(2))
    assert not memory.contents()[0].requires_grad
