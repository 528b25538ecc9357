from meterhub.wmbus.kept import Kept


def test_a_kept_value_is_made_once_until_the_table_is_full() -> None:
    made: list[bytes] = []

    def make(key: bytes) -> int:
        made.append(key)
        return len(made)

    table = Kept(make, 2)
    assert [table(b"a"), table(b"b"), table(b"c"), table(b"a"), table(b"c")] == [1, 2, 3, 1, 4]
    assert len(table) == 2
    assert made == [b"a", b"b", b"c", b"c"]


def test_the_table_starts_anew_after_many_misses() -> None:
    table = Kept(bytes.hex, 1)
    table(b"old")
    for number in range(17):
        assert table(bytes((number,))) == f"{number:02x}"
    assert len(table) == 0
    table(b"new")
    assert len(table) == 1
