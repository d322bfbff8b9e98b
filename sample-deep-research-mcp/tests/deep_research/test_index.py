"""Ranking, and who is found what."""

import pytest

from sample.index import Index, analyzer


def filled(**documents: str) -> Index:
    index = Index()
    for document_id, text in documents.items():
        index.put(document_id, [text])
    index.commit()
    return index


def test_the_document_about_the_words_comes_first() -> None:
    index = filled(
        tokens="Access tokens expire after five minutes. Refresh tokens rotate.",
        traefik="Traefik routes requests and terminates TLS for tokens.",
        bread="Bread is baked in an oven.",
    )
    assert index.search("token refresh rotation") == ["tokens", "traefik"]


def test_words_are_matched_by_their_stem_and_in_any_case() -> None:
    assert filled(a="Rotating KEYS").search("rotation key") == ["a"]


def test_a_document_is_listed_once_with_its_best_passage_deciding() -> None:
    index = Index()
    index.put("long", ["rare word word", "rare rare rare", "rare"])
    index.put("short", ["rare rare word"])
    index.commit()
    assert index.search("rare") == ["long", "short"]


def test_one_document_of_many_passages_does_not_push_out_the_others() -> None:
    index = Index()
    index.put("huge", ["apple"] * 500)
    for number in range(12):
        index.put(f"d{number}", ["apple and much more text about other things"])
    index.commit()
    assert len(index.search("apple")) == 10


def test_a_repeated_word_of_the_query_weighs_more() -> None:
    index = filled(a="alpha beta beta", b="beta alpha alpha")
    assert index.search("alpha alpha alpha beta")[0] == "b"
    assert index.search("alpha beta beta beta")[0] == "a"


def test_question_words_do_not_decide_unless_there_is_nothing_else() -> None:
    index = filled(a="what is what is what is", b="vault")
    assert index.search("what is the vault") == ["b"]
    assert index.search("what is") == ["a"]


@pytest.mark.parametrize(
    "query",
    [
        "",
        "   ",
        "?!",
        "zebra",
        "contents:alpha",
        "reader:everyone",
        "* OR *",
        '"',
        "alpha^",
        "a AND (",
        "\x00",
        "é" * 999,
    ],
)
def test_no_query_is_syntax_and_no_match_is_an_empty_list(query: str) -> None:
    found = filled(a="alpha beta").search(query)
    assert found == (["a"] if "alpha" in query else [])


def test_a_replaced_document_is_found_by_its_new_words_only() -> None:
    index = filled(a="old words")
    index.put("a", ["new words"])
    index.commit()
    assert (index.search("old"), index.search("new")) == ([], ["a"])


def test_a_removed_document_is_not_found() -> None:
    index = filled(a="old words")
    index.remove("a")
    index.commit()
    assert index.search("old") == []


def test_only_a_named_reader_finds_a_private_document() -> None:
    index = Index()
    index.put("note", ["secret plan"], reader='["iss", "alice"]')
    index.commit()
    assert index.search("secret", ['["iss", "alice"]']) == ["note"]
    assert index.search("secret") == []
    assert index.search("secret", ["everyone", '["iss", "bob"]']) == []


def test_private_documents_of_others_take_no_place_in_the_list() -> None:
    index = filled(public="plan " + "filler " * 50)
    for number in range(300):
        index.put(f"note{number}", ["plan plan plan"], reader="alice")
    index.commit()
    assert index.search("plan", ["everyone", "bob"]) == ["public"]


def test_a_language_without_a_stemmer_is_refused() -> None:
    with pytest.raises(ValueError, match="klingon"):
        analyzer("klingon")
