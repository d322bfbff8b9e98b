"""The search index: BM25 over passages in memory, rebuilt at every start, with the reader as part of each query."""

from collections import Counter
from collections.abc import Iterable

import tantivy
from tantivy import Filter, Occur, Query

__all__ = ["EVERYONE", "Index", "analyzer"]

EVERYONE = "everyone"
_QUESTION_WORDS = (
    "what which who whom whose when where why how is are was were do does did can could should would the a an of to in"
)
_SCHEMA = (
    tantivy.SchemaBuilder()
    .add_text_field("document", stored=True, tokenizer_name="raw", index_option="basic")
    .add_text_field("reader", tokenizer_name="raw", index_option="basic")
    .add_text_field("contents", tokenizer_name="contents", index_option="freq")
    .build()
)


def analyzer(language: str, drop: str = "") -> tantivy.TextAnalyzer:
    """Words in lower case, stemmed. Raises: ValueError for a language without a stemmer."""
    words = tantivy.TextAnalyzerBuilder(tantivy.Tokenizer.simple()).filter(Filter.remove_long(40))
    return (
        words.filter(Filter.lowercase())
        .filter(Filter.custom_stopword(drop.split()))
        .filter(Filter.stemmer(language))
        .build()
    )


class Index:
    """Passages of documents, each for one reader or for everyone. One thread at a time may write; any may search."""

    def __init__(self, language: str = "english") -> None:
        self._terms, self._telling_terms = analyzer(language), analyzer(language, drop=_QUESTION_WORDS)
        self._index = tantivy.Index(_SCHEMA)
        self._index.register_tokenizer("contents", self._terms)
        self._writer = self._index.writer(heap_size=32_000_000, num_threads=1)

    def put(self, document_id: str, passages: Iterable[str], reader: str = EVERYONE) -> None:
        """Add a document or replace it; searches see it after ``commit``."""
        self.remove(document_id)
        for passage in passages:
            self._writer.add_document(tantivy.Document(document=document_id, reader=reader, contents=passage))

    def remove(self, document_id: str) -> None:
        """Take a document out; searches see it after ``commit``."""
        self._writer.delete_documents_by_term("document", document_id)

    def commit(self) -> None:
        """Make what was put and removed visible."""
        self._writer.commit()
        self._index.reload()

    def search(self, query: str, readers: Iterable[str] = (EVERYONE,), limit: int = 10) -> list[str]:
        """Ids of the documents that one of ``readers`` may see, by their best passage, best first."""
        searcher, wanted, depth = self._index.searcher(), self._query(query, readers), 10 * limit
        while True:
            hits = searcher.search(wanted, depth, count=False).hits
            found = list(dict.fromkeys(searcher.doc(address)["document"][0] for _score, address in hits))
            if len(found) >= limit or len(hits) < depth:
                return found[:limit]
            depth *= 8  # one long document filled the list

    def _query(self, text: str, readers: Iterable[str]) -> Query:
        # Query objects, not the query language: nothing that a user types is syntax. A repeated word counts twice.
        terms = Counter(self._telling_terms.analyze(text) or self._terms.analyze(text))
        any_term = [
            (Occur.Should, Query.boost_query(Query.term_query(_SCHEMA, "contents", term, "freq"), float(count)))
            for term, count in terms.items()
        ]
        readable = Query.const_score_query(Query.term_set_query(_SCHEMA, "reader", [*readers]), 0.0)
        return Query.boolean_query([(Occur.Must, readable), (Occur.Must, Query.boolean_query(any_term))])
