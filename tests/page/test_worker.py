"""The page's worker in Node: what it answers to its messages, and how soon it stops."""

import pytest
from helpers import page, page_hosts

from recurra.page import document

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not page_hosts.node_program(), reason="no node here, and no Playwright that brings one"),
]

TEXT = "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich.\n" * 40
START = """async ([code, facts, text]) => {
  window.sent = [];
  window.work = new R.worker.Work((message) => sent.push(message));
  await work.take({ type: "load", module: Uint8Array.from(atob(code), (c) => c.charCodeAt(0)), facts });
  await work.take({ type: "new", text, settings: { cell: "lstm", hidden_size: 16 } });
  return sent.map(({ type }) => type);
}"""
STOPPED = """async (text) => {
  sent.length = 0;
  const send = work.send;
  let at = null;
  work.send = (message) => {
    send(message);
    if (message.type === "progress" && at === null) {
      at = message.step;
      work.take({ type: "stop" });
    }
  };
  await work.take({ type: "train", text, minutes: 60 });
  work.send = send;
  const { reason, step } = sent.at(-1);
  return { reason, more: step - at };
}"""
WRITE = """async (message) => {
  sent.length = 0;
  await work.take({ type: "write", ...message });
  return sent;
}"""


@pytest.fixture(scope="module")
def node(tmp_path_factory):
    with page_hosts.node(tmp_path_factory.mktemp("node")) as tab:
        assert tab.evaluate(START, [*page.code_and_facts(document.standard()), TEXT]) == ["ready", "opened"]
        yield tab


def test_a_stop_ends_a_training_after_the_step_under_way(node):
    found = node.evaluate(STOPPED, TEXT)
    assert found["reason"] == "stopped"
    assert found["more"] <= 1


def test_a_text_comes_in_pieces_and_names_what_the_model_does_not_know(node):
    found = node.evaluate(WRITE, {"prompt": "Zwölf ☃", "length": 150, "seed": 3})
    assert [one["type"] for one in found] == ["text"] * len(found)
    assert len(found) > 2
    assert [one["done"] for one in found] == [False] * (len(found) - 1) + [True]
    assert found[-1]["left_out"] == ["☃"]
    assert len("".join(one["piece"] for one in found)) == 150
    again = node.evaluate(WRITE, {"prompt": "Zwölf ", "length": 150, "seed": 3})
    assert [one["piece"] for one in again] == [one["piece"] for one in found]


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"type": "train", "text": "ab"}, "2 characters that this model knows are too few to learn from"),
        ({"type": "new", "text": "abc"}, "3 characters are too few to learn from; paste some hundred"),
        ({"type": "new", "text": TEXT, "settings": {"cell": "mgu"}}, "This page has no cell “mgu”: it has lstm, gru, rnn"),
        (
            {"type": "open", "model": {"config": {"cell": "lstm", "embedding_size": 2, "hidden_size": 3, "num_layers": 1},
                                       "vocabulary": {"symbols": ["a"]}, "tensors": {}}},
            "This model's embedding.weight is missing; its settings need (1, 2)",
        ),
    ],
)  # fmt: skip
def test_what_does_not_work_is_one_message(node, message, words):
    found = node.evaluate("async (message) => { sent.length = 0; await work.take(message); return sent; }", message)
    assert [one["type"] for one in found] == ["error"]
    assert found[0]["message"].startswith(words)
