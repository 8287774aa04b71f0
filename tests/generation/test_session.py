"""A session feeds tokens in pieces, starts documents afresh, and leaves the model as it was."""

import numpy as np
import torch
from helpers.toy_models import LETTERS, Toy

from recurra.generation import Session, generate, stream
from recurra.generation.session import evaluating
from recurra.text import build_vocabulary


def test_a_long_prompt_is_read_in_pieces_and_gives_the_same(toy):
    prompt = "abcdefgh" * 100
    ids = torch.from_numpy(LETTERS.encode(prompt).astype(np.int64))[None]
    toy.eval()
    with torch.no_grad():
        want = toy(ids)[0][0, -1].double().numpy()
    toy.train()
    np.testing.assert_allclose(Session(toy).feed(ids.numpy())[0], want, rtol=1e-5)


def test_the_token_after_a_document_end_starts_fresh():
    vocabulary = build_vocabulary(["abc"], documents=True)
    eod, a, b, c = vocabulary.eod, *vocabulary.encode("abc").tolist()
    model = Toy(vocabulary)
    session = Session(model, eod=eod)
    session.feed(np.array([[a, eod, b]]))
    session.feed(np.array([[eod]]))
    session.select([0, 0])
    session.feed(np.array([[c], [a]]))
    session.feed(np.array([[a], [a]]))
    assert model.resets == [[[False, False, True]], None, [[True], [True]], None]


def test_context_reads_the_last_tokens_again(toy):
    sample = generate(toy, LETTERS, "abcabc", length=15, context=4, temperature=0, samples=2)[1]
    ids = LETTERS.encode(sample.text).astype(np.int64)
    with torch.no_grad(), evaluating(toy):
        for t in range(6, len(ids)):
            assert toy(torch.from_numpy(ids[None, t - 4 : t]))[0][0, -1].argmax() == ids[t]
    carried = generate(toy, LETTERS, "abcabc", length=15, temperature=0)[0]
    assert generate(toy, LETTERS, "abcabc", length=15, temperature=0, context=10**6)[0].text == carried.text


def test_the_models_mode_is_restored_module_by_module(toy):
    toy.train()
    toy.out.eval()
    random = torch.get_rng_state()
    pieces = stream(toy, LETTERS, "ab", length=5, seed=1)
    for _ in pieces:
        assert toy.training
        assert toy.rnn.training
        assert not toy.out.training
        assert not torch.is_inference_mode_enabled()
    assert torch.equal(random, torch.get_rng_state())
    with evaluating(toy), evaluating(toy):
        assert not toy.rnn.training
    assert toy.rnn.training
    toy.train()


def test_dropout_is_off(toy):
    toy.train()
    trained = generate(toy, LETTERS, "ab", length=50, seed=1)[0].text
    toy.eval()
    assert generate(toy, LETTERS, "ab", length=50, seed=1)[0].text == trained
    toy.train()
