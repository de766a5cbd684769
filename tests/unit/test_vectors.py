"""Word vectors: words of templates, what is learned from which go together, and files of pretrained ones."""

import hashlib
from math import log, sqrt
from pathlib import Path

import numpy as np
import pytest

from logassay import vectors
from logassay.errors import UserError
from logassay.vectors import WordVectors, hashed, learn, read_vectors, take_from_file, tokenise


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("BLOCK* NameSystem.addStoredBlock: blockMap updated: <*> is added to <*> size <*>",
         "block name system add stored block block map updated added size"),
        ("PacketResponder <*> for block <*> terminating", "packet responder block terminating"),
        ("java.io.IOException at <IP>:<PORT_1>", "java io io exception"),
        ("<init> of ipv4 failed, not 17 times (0x1f)", "init ipv4 failed not times x1 f"),
        ("디스크 오류: <*>", "디스크 오류"),
        ("the of", "the of"),  # stop words alone are kept
        ("<*> ==> <*>", "<*> ==> <*>"),  # without words the template is one
        ("E5", "e5"),
        ("5", "5"),
    ],
)  # fmt: skip
def test_words_of_templates(template: str, words: str) -> None:
    assert " ".join(tokenise(template)) == words


def test_words_that_go_together_have_equal_vectors() -> None:
    learned = learn(["alpha beta", "gamma"], [3, 1], dimension=5)
    assert learned.words == ["alpha", "beta", "gamma"]
    # P(alpha) = P(beta) = 3/8, P(gamma) = 1/4; P(alpha, alpha) = P(alpha, beta) = 3/16, P(gamma, gamma) = 1/4.
    together, alone = log((3 / 16) / (9 / 64)), log((1 / 4) / (1 / 16))
    expected = [[together, together, 0], [together, together, 0], [0, 0, alone]]
    np.testing.assert_allclose(learned.matrix @ learned.matrix.T, expected, atol=1e-12)
    # The largest factor comes first, its largest entry is positive, and what is left of the five places is 0.
    np.testing.assert_allclose(learned.matrix[2], [sqrt(alone), 0, 0, 0, 0], atol=1e-12)
    np.testing.assert_allclose(learned.matrix[0], [0, sqrt(together), 0, 0, 0], atol=1e-12)
    assert (learned.templates_with.tolist(), learned.templates) == ([1, 1, 1], 2)


def test_the_largest_factors_are_kept() -> None:
    matrix = learn(["alpha beta", "gamma"], [3, 1], dimension=1).matrix
    np.testing.assert_allclose(matrix[:, 0], [0, 0, sqrt(log(4))], atol=1e-12)


def test_a_word_of_every_template_says_nothing() -> None:
    learned = learn(["disk full", "disk empty"], [1, 1], dimension=3)
    assert np.linalg.norm(learned.of("disk")) < 1e-9
    # P(full) = 1/4, P(full, full) = 1/8; P(disk, full) = P(disk) P(full).
    np.testing.assert_allclose(learned.of("full") @ learned.of("full"), log(2))
    assert abs(learned.of("full") @ learned.of("empty")) < 1e-9


def test_negative_information_counts_as_none() -> None:
    # P(u, v) = 1/3 * 1/4 lies below P(u) P(v) = 1/4.
    learned = learn(["u v", "u", "v"], [1, 1, 1], dimension=2)
    assert abs(learned.of("u") @ learned.of("v")) < 1e-9
    # P(u) = 1/3 * 1/2 + 1/3 = 1/2, P(u, u) = 1/3 * 1/4 + 1/3 = 5/12.
    np.testing.assert_allclose(learned.of("u") @ learned.of("u"), log((5 / 12) / (1 / 4)))


def test_many_words_are_factored_alike(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    templates = [" ".join(f"w{word}x" for word in rng.integers(0, 60, 4)) for _ in range(80)]
    exact = learn(templates, range(1, 81), dimension=7)
    monkeypatch.setattr(vectors, "MOST_WORDS_EXACT", 10)
    iterated = learn(templates, range(1, 81), dimension=7)
    np.testing.assert_allclose(iterated.matrix, exact.matrix, atol=1e-6)


def test_learned_alike_twice_and_in_any_order() -> None:
    templates, counts = ["send data block", "send ack", "drop data"], [5, 2, 1]
    one = learn(templates, counts, 4)
    assert learn(templates, counts, 4).matrix.tobytes() == one.matrix.tobytes()
    other = learn(templates[::-1], counts[::-1], 4)
    assert other.words == one.words
    np.testing.assert_allclose(other.matrix @ other.matrix.T, one.matrix @ one.matrix.T, atol=1e-12)


def test_unknown_words_have_the_vector_of_their_spelling() -> None:
    # "<a>" has a single run of 3 to 5 characters: itself. Its digest's first four bits give the signs.
    bits = hashlib.shake_128(b"<a>").digest(1)[0]
    signs = [1 if bits & (128 >> place) else -1 for place in range(4)]
    np.testing.assert_allclose(hashed("a", 4), np.array(signs) / 2)
    np.testing.assert_allclose(np.linalg.norm(hashed("terminating", 64)), 1)
    close, far = hashed("terminating", 64) @ hashed("terminated", 64), hashed("terminating", 64) @ hashed("block", 64)
    assert close > 0.4 > abs(far)
    known = WordVectors(["x", "y", "z"], np.array([[3.0, 4.0], [0.0, 1.0], [9.0, 9.0]]), np.array([2, 1, 0]), 2)
    # As long as the average training word: (5 + 1) / 2; z is known from a file alone.
    np.testing.assert_allclose(known.of("new"), 3 * hashed("new", 2))
    assert known.of("z").tolist() == [9, 9]


def test_template_vectors_by_hand() -> None:
    known = WordVectors(["x", "y"], np.array([[3.0, 0.0], [0.0, 1.0]]), np.array([3, 1]), 3)
    np.testing.assert_allclose(known.mean("x <*> y: x"), [2, 1 / 3])
    # Among three templates: x in all, y in one.
    x, y = log(4 / 4) + 1, log(4 / 2) + 1
    np.testing.assert_allclose(known.tf_idf("x <*> y: x"), [2 / 3 * x * 3, 1 / 3 * y])
    np.testing.assert_allclose(known.tf_idf("new"), (log(4) + 1) * known.of("new"))


def written(folder: Path, text: str) -> Path:
    path = folder / "vectors.txt"
    path.write_text(text, encoding="utf-8")
    return path


def test_vectors_from_a_file(tmp_path: Path) -> None:
    path = written(tmp_path, "5 2\nblock 1 0\nnode -0.5 2e-1\nBlock 7 7\nblock 8 8\nnew 0 3\n")
    found = take_from_file(path, ["block lost", "block <*> node"])
    assert found.words == ["block", "node"]
    assert found.matrix.tolist() == [[1, 0], [-0.5, 0.2]]
    assert (found.templates_with.tolist(), found.templates) == ([2, 1], 2)
    more = found.with_file(path, ["new block", "strange"])
    assert more.of("new").tolist() == [0, 3]
    assert more.templates_with.tolist() == [2, 1, 0]
    # What is learned later does not change what was learned first.
    np.testing.assert_array_equal(more.of("strange"), found.of("strange"))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("block 1 0\n", "not in the word2vec text format"),
        ("", "not in the word2vec text format"),
        ("2 0\n", "not in the word2vec text format"),
        ("2 2\nnode 1 2\nblock 1 x\n", r"vectors\.txt, line 3: there must be 2 numbers after the word"),
        ("1 2\nblock 1\n", "line 2: there must be 2 numbers"),
        ("1 2\nblock 1 nan\n", "line 2: there must be 2 numbers"),
        ("3 2\nblock 1 2\n", "should hold 3 words but ends after 1"),
    ],
)
def test_damaged_files_are_told(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(UserError, match=words):
        read_vectors(written(tmp_path, text), ["block"])


def test_files_of_no_use_are_told(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"a vector for none of the words .* \(such as 'block'\)"):
        take_from_file(written(tmp_path, "1 2\nhello 1 2\n"), ["block lost"])
    with pytest.raises(UserError, match=r"missing\.txt cannot be read \(No such file"):
        read_vectors(tmp_path / "missing.txt", ["block"])
