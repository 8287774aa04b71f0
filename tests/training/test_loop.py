"""The training loop on a toy task: what it learns, keeps, tells, and how it stops."""

import itertools
import json
import math

import pytest
import torch
from helpers.training_toy import ToyTask, config, of, run, weights
from torch.nn import functional as F

from recurra import tensorfiles
from recurra.errors import RunError
from recurra.fitting import listeners
from recurra.training import TrainingConfig, rate, runs, tensors
from recurra.training.loop import FALLS


def test_it_learns_and_says_so(tmp_path):
    _, events, outcome = run(tmp_path)
    assert outcome["reason"] == "finished"
    assert outcome["step"] == outcome["steps"] == 30
    assert outcome["tokens"] == 30 * 24
    assert of(events, "start")[0]["parameters"] == 661
    rows = of(events, "train")
    assert rows[0]["loss"] == pytest.approx(math.log(5), abs=0.2)
    assert rows[-1]["loss"] < 0.9
    assert rows[-1]["bits"] == pytest.approx(rows[-1]["loss"] / math.log(2))
    assert [event["step"] for event in rows] == list(range(1, 31))
    looked = {event["step"] for event in of(events, "evaluate")}
    assert len(looked) == 8
    assert [event["step"] for event in of(events, "sample")] == sorted(looked | {1, 10, 30})
    assert outcome["best"] == min(event["loss"] for event in of(events, "evaluate"))


def test_rows_are_the_mean_loss_between_them(tmp_path):
    task = ToyTask()
    seen, real = [], task.loss
    task.loss = lambda *arguments: seen.append(real(*arguments)) or seen[-1]
    _, events, _ = run(tmp_path, task, evaluate_every=10)
    losses = [loss.item() for loss, _, _ in seen]
    assert [event["training_loss"] for event in of(events, "evaluate")] == pytest.approx(
        [sum(losses[i : i + 10]) / 10 for i in (0, 10, 20)]
    )


def test_the_first_update_is_the_plain_one(tmp_path):
    """Ten losses equal those of a loop written by hand."""
    task = ToyTask()
    _, events, _ = run(tmp_path, task, epochs=1, clip=0.5, weight_decay=0.1)
    hand, settings = ToyTask(), config(epochs=1, clip=0.5, weight_decay=0.1)
    matrices = [p for p in hand.model.parameters() if p.ndim >= 2]
    others = [p for p in hand.model.parameters() if p.ndim < 2]
    groups = [{"params": matrices, "weight_decay": 0.1}, {"params": others, "weight_decay": 0.0}]
    optimizer = torch.optim.AdamW(groups, betas=(settings.beta1, settings.beta2))
    losses, state = [], None
    with torch.random.fork_rng([]):
        torch.manual_seed(settings.seed)
        for step in range(10):
            for group in optimizer.param_groups:
                group["lr"] = rate(settings, (step + 0.5) / 10)
            inputs, targets = hand.batch(0, step)
            logits, state = hand.model(inputs, state)
            loss = F.cross_entropy(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            torch.nn.utils.clip_grad_norm_(hand.model.parameters(), 0.5)
            optimizer.step()
            optimizer.zero_grad()
            state = tuple(part.detach() for part in state)
            losses.append(loss.item())
    assert [event["loss"] for event in of(events, "train")] == pytest.approx(losses, rel=1e-5)


def test_the_state_starts_anew_with_each_epoch(tmp_path):
    task, carried = ToyTask(), []
    real = task.loss
    task.loss = lambda model, batch, carry: carried.append(carry) or real(model, batch, carry)
    run(tmp_path, task)
    assert [i for i, carry in enumerate(carried) if carry is None] == [0, 10, 20]
    assert not any(leaf.requires_grad for leaf in tensors.leaves(carried[1:10]))


def test_the_same_seed_is_the_same_run_and_looking_changes_nothing(tmp_path):
    for name in "abc":
        (tmp_path / name).mkdir()
    run(tmp_path / "a", evaluate_every=30)
    torch.manual_seed(99)
    before = torch.get_rng_state()
    run(tmp_path / "b", evaluate_every=1, sample_every=3, save_every=1e-9)
    assert torch.equal(torch.get_rng_state(), before), "the caller's random state was disturbed"
    run(tmp_path / "c", evaluate_every=30, seed=2)
    a, b, c = (weights(tmp_path / name) for name in "abc")
    model = [name for name in a if name.startswith(("model.", "optimizer.", "rank.0.rng", "rank.0.carry"))]
    assert all(torch.equal(a[name], b[name]) for name in model)
    assert not torch.equal(a["model.head.weight"], c["model.head.weight"])


def test_the_best_weights_come_back(tmp_path):
    task = ToyTask()
    evaluate, losses = task.evaluate, iter([3.0, 1.0, 2.0, 2.5, 2.6, 2.7])
    at_best = {}

    def staged(model):
        loss = next(losses)
        if loss == 1.0:
            at_best.update({name: tensor.clone() for name, tensor in model.state_dict().items()})
        return {"loss": loss}

    task.evaluate = staged
    _, events, outcome = run(tmp_path, task, epochs=6, patience=3, evaluate_every=10)
    assert outcome["reason"] == "patience"
    assert (outcome["step"], outcome["best_step"], outcome["best"]) == (50, 20, 1.0)
    assert [event["better"] for event in of(events, "evaluate")] == [True, True, False, False, False]
    assert all(torch.equal(at_best[name], tensor) for name, tensor in task.model.state_dict().items())
    last = weights(tmp_path)
    assert not torch.equal(last["model.head.weight"], at_best["head.weight"])
    # A finished run that is called again is only opened.
    task = ToyTask()
    task.evaluate = evaluate
    assert run(tmp_path, task, epochs=6, patience=3, evaluate_every=10)[2]["step"] == 50
    assert torch.equal(task.model.head.weight, at_best["head.weight"])


def test_the_patience_of_a_task_counts_evaluations_and_steps(tmp_path):
    task = ToyTask()
    losses = itertools.chain([3.0, 1.0], itertools.repeat(2.0))
    task.evaluate, task.patience, task.patient_steps = lambda model: {"loss": next(losses)}, lambda measured: 2, 35
    outcome = run(tmp_path, task, epochs=20, evaluate_every=10)[2]
    assert (outcome["reason"], outcome["best_step"], outcome["step"]) == ("patience", 20, 60), (
        "two are enough, 30 steps are not"
    )


@pytest.mark.parametrize(("patience", "reason", "step"), [(0, "learned", 30), (5, "finished", 60)])
def test_training_ends_where_nothing_is_left_to_learn(tmp_path, patience, reason, step):
    task, losses = ToyTask(), iter([3.0, 1.0, 0.1, 0.01, 0.001, 0.0001])
    task.evaluate, task.enough = lambda model: {"loss": next(losses)}, 0.1
    outcome = run(tmp_path, task, epochs=6, evaluate_every=10, patience=patience)[2]
    assert (outcome["reason"], outcome["step"], outcome["best_step"]) == (reason, step, step)


def test_the_training_loss_decides_where_nothing_is_held_out(tmp_path):
    _, events, outcome = run(tmp_path, ToyTask(held_out=False))
    assert outcome["best"] == min(event["training_loss"] for event in of(events, "evaluate"))
    assert "validation_loss" not in of(events, "evaluate")[0]


def test_the_monitor_may_be_the_training_loss(tmp_path):
    _, events, outcome = run(tmp_path, monitor="training")
    assert outcome["best"] == min(event["training_loss"] for event in of(events, "evaluate"))
    assert of(events, "evaluate")[0]["validation_loss"] == of(events, "evaluate")[0]["loss"]


def test_the_average_is_evaluated_and_kept(tmp_path):
    task, seen = ToyTask(), []
    real = task.evaluate
    task.evaluate = lambda model: seen.append(model.head.weight.clone()) or real(model)
    _, _, outcome = run(tmp_path, task, average=0.9, evaluate_every=10)
    state = weights(tmp_path)
    assert not torch.equal(state["model.head.weight"], state["average.head.weight"])
    assert torch.equal(task.model.head.weight, seen[outcome["best_step"] // 10 - 1])


def test_stopping_keeps_what_was_learned_and_going_on_is_exact(tmp_path):
    for name in "ab":
        (tmp_path / name).mkdir()
    run(tmp_path / "a")
    asked = iter([False] * 3 + [True] * 100)
    _, _, outcome = run(tmp_path / "b", stop=lambda: next(asked))
    assert outcome["reason"] == "stopped"
    assert 0 < outcome["step"] < 30
    _, events, outcome = run(tmp_path / "b")
    assert outcome["reason"] == "finished"
    assert of(events, "start")[0]["resumed"]
    a, b = weights(tmp_path / "a"), weights(tmp_path / "b")
    assert all(torch.equal(a[name], b[name]) for name in a if not name.startswith("rank.0.mark"))


# Losses that are no numbers


def test_a_loss_that_is_nan_goes_back_with_half_the_rate(tmp_path):
    task = ToyTask(break_at=[14])
    metrics = listeners.metrics_file(tmp_path)
    _, events, outcome = run(tmp_path, task, listen=[metrics], evaluate_every=10)
    (fall,) = of(events, "fall")
    assert (fall["fell_at"], fall["step"], fall["scale"]) == (14, 10, 0.5)
    assert outcome["reason"] == "finished"
    assert math.isfinite(outcome["best"])
    rates = {event["step"]: event["lr"] for event in of(events, "train")}
    plain = ToyTask()
    (tmp_path / "plain").mkdir()
    _, others, _ = run(tmp_path / "plain", plain, evaluate_every=10)
    assert rates[11] == pytest.approx(of(others, "train")[10]["lr"] / 2)
    rows = listeners.read_metrics(tmp_path)
    assert [row["event"] for row in rows].count("fall") == 1
    steps = [row["step"] for row in rows if row["event"] == "train"]
    assert steps == list(range(1, 31)), "each step's row is there once"


def test_a_gradient_that_is_infinite_is_noticed_before_it_is_saved(tmp_path):
    task, real = ToyTask(), ToyTask.loss
    poisoned = []

    def loss(model, batch, carry):
        value, carry, tokens = real(task, model, batch, carry)
        if task.calls == 30:  # the last step: nobody sees a later loss
            poisoned.append(model.head.bias.register_hook(lambda grad: grad * math.inf))
        elif poisoned:
            poisoned.pop().remove()
        return value, carry, tokens

    task.loss = loss
    _, events, outcome = run(tmp_path, task, clip=0.0, stop=None)
    assert len(of(events, "fall")) == 1
    assert outcome["reason"] == "finished"
    assert all(torch.isfinite(t).all() for name, t in weights(tmp_path).items() if name.startswith("model."))


@pytest.mark.parametrize("number", [1, 3])
def test_a_held_out_loss_that_is_nan_is_never_the_best(tmp_path, number):
    """The first evaluation, with which nothing can be compared; and the last one, after which no step tells."""
    task, real, seen = ToyTask(), ToyTask.evaluate, []

    def evaluate(model):
        seen.append(model)
        return {"loss": math.nan} if len(seen) == number else real(task, model)

    task.evaluate = evaluate
    _, events, outcome = run(tmp_path, task, evaluate_every=10)
    (fall,) = of(events, "fall")
    assert (fall["fell_at"], fall["scale"]) == (10 * number, 0.5)
    assert outcome["reason"] == "finished"
    losses = [event["loss"] for event in of(events, "evaluate")]
    assert len(losses) == 3
    assert outcome["best"] == min(losses)
    assert [event["step"] for event in of(events, "sample") if event["step"] > 1] == [10, 20, 30], (
        "none of what is not kept"
    )


def test_it_gives_up_after_some_falls(tmp_path):
    task = ToyTask(break_at=range(1, 100))
    with pytest.raises(RunError, match=r"infinite or NaN 6 times, last at step 1 .*smaller `lr`") as raised:
        run(tmp_path, task)
    assert "\n" not in str(raised.value)
    state, about = tensorfiles.read(tmp_path / runs.STATE, "state/1")
    assert about["progress"]["falls"] == FALLS
    assert all(torch.isfinite(t).all() for name, t in state.items() if name.startswith("model."))


def test_metrics_are_json_even_where_a_loss_is_infinite(tmp_path):
    task = ToyTask()
    task.evaluate = lambda model: {"loss": math.inf}
    run(tmp_path, task, listen=[listeners.metrics_file(tmp_path)], monitor="training")  # else it would not go on
    lines = (tmp_path / listeners.METRICS).read_text().splitlines()
    strict = [json.loads(line, parse_constant=lambda name: pytest.fail(f"{name} is no JSON")) for line in lines]
    assert any(row.get("validation_loss") == "inf" for row in strict)


@pytest.mark.parametrize(
    ("epochs", "epoch", "steps"), [(3, 10, 30), (0, 500, 8 * 500), (0, 100, 20 * 100), (0, 7, 286 * 7), (0, 1, 2000)]
)
def test_a_small_data_set_is_read_more_often(epochs, epoch, steps):
    from recurra.training.loop import planned_steps

    assert planned_steps(TrainingConfig(epochs=epochs), epoch) == steps
