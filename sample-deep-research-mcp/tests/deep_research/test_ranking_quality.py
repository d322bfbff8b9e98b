"""The ranking is as good as a published test collection says BM25 is (SciFact, test split of BEIR)."""

import json
import math
from collections import defaultdict
from pathlib import Path
from typing import Any

import pytest

from sample.documents import Document
from sample.index import Index
from sample.passages import passages

SCIFACT = Path(__file__).parents[4] / "shared" / "corpora" / "scifact"

pytestmark = pytest.mark.skipif(not SCIFACT.is_dir(), reason="the SciFact test collection is not beside the checkout")


def lines(name: str) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (SCIFACT / name).read_text(encoding="utf-8").splitlines()]


def judgements() -> dict[str, set[str]]:
    relevant = defaultdict[str, set[str]](set)
    for line in (SCIFACT / "qrels.tsv").read_text(encoding="utf-8").splitlines()[1:]:
        query, document, _score = line.split("\t")
        relevant[query].add(document)
    return relevant


def ndcg(found: list[str], relevant: set[str]) -> float:
    gain = sum(1 / math.log2(place + 2) for place, each in enumerate(found[:10]) if each in relevant)
    return gain / sum(1 / math.log2(place + 2) for place in range(min(10, len(relevant))))


def test_ndcg_at_10_and_recall_at_100_on_scifact_reach_those_of_bm25() -> None:
    index = Index()
    for line in lines("corpus.jsonl"):
        index.put(line["_id"], passages(Document(line["_id"], line["title"], line["text"])))
    index.commit()
    queries = {line["_id"]: line["text"] for line in lines("queries.jsonl")}
    relevant = judgements()
    found = {query: index.search(queries[query], limit=100) for query in relevant}
    assert sum(ndcg(found[query], relevant[query]) for query in relevant) / len(relevant) >= 0.68
    recall = sum(len(relevant[query].intersection(found[query])) / len(relevant[query]) for query in relevant)
    assert recall / len(relevant) >= 0.91
