"""What is stored as JSON: what an older version stored is read as well."""

import json

from chat.incoming import Address, Said, Sender
from storage.codec import dump_incoming, load_incoming


def test_where_in_a_place_it_is_comes_back_and_what_was_stored_without_it_is_read() -> None:
    said = Said(Address("telegram", "-100555", spot="general"), Sender("5"), "k", "Hello")
    assert load_incoming(dump_incoming(said)) == said
    older = json.loads(dump_incoming(said))
    del older["address"]["spot"]
    assert load_incoming(json.dumps(older)).address == Address("telegram", "-100555")
