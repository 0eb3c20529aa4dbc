"""One word, one meaning: a public class's name says which one it is, wherever it is imported."""

import ast
from collections import Counter

from tests.support.repository import ROOT


def test_no_two_public_classes_share_a_name() -> None:
    names = Counter(
        node.name
        for path in (ROOT / "functions" / "lifeline").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )
    assert len(names) > 100
    assert {name for name, times in names.items() if times > 1} == set()
