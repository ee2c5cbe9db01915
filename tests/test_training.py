"""Optimizers, schedules, weights and the step, as far as torch does not decide them."""

from __future__ import annotations

import math

import numpy as np
import pytest
from small_training import batches, learner

from numpy_deconv import Graph, Node, cross_entropy
from numpy_deconv.errors import DTypeError, NetError, OptionError
from numpy_deconv.layers import Add, Conv, Linear, ReLU, Softmax
from numpy_deconv.net import Sequential
from numpy_deconv.training import (
    SGD,
    Adam,
    Constant,
    Cosine,
    Place,
    Recipe,
    StepDecay,
    Training,
    lesson,
)
from numpy_deconv.training.weights import limit_filters, with_own_weights


def begun(**options: object) -> Training:
    return Training(learner(), Recipe(epochs=2, **options), steps=3)


def run(training: Training) -> Training:
    while not training.place.finished:
        training.step(*batches(training.place.epoch, training.place.step))
    return training


def test_it_learns() -> None:
    training = Training(
        learner(), Recipe(epochs=6, optimizer=SGD(lr=0.1, momentum=0.9)), steps=10
    )
    run(training)
    losses = [loss for loss, _ in training.history.epochs(10)]
    assert losses[-1] < 0.6 * losses[0]
    assert len(training.history) == 60


def test_the_net_that_was_given_stays_as_it_is() -> None:
    net = learner()
    before = {name: w.copy() for name, w in net.params.items()}
    for value in net.params.values():
        value.flags.writeable = False
    training = Training(net, Recipe(epochs=1), steps=3)
    run(training)
    for name, array in before.items():
        np.testing.assert_array_equal(net.params[name], array)
        assert (training.net.params[name] != array).any(), name


def test_one_seed_gives_one_result() -> None:
    once, again, other = (run(begun(seed=s)).state() for s in (1, 1, 2))
    for name in once:
        np.testing.assert_array_equal(once[name], again[name])
    assert (once["weight/fc.weight"] != other["weight/fc.weight"]).any()


def test_every_step_of_every_epoch_drops_others() -> None:
    """At a learning rate of 0 nothing else makes the loss of a batch change."""
    training = Training(learner(), Recipe(epochs=2, optimizer=SGD(lr=0)), steps=2)
    losses = {training.step(*batches(0, 0)).loss for _ in range(4)}
    assert len(losses) == 4


def test_a_batch_is_unchanged_by_a_step() -> None:
    x, labels = batches(0, 0)
    x.flags.writeable = labels.flags.writeable = False
    begun(adversarial=0.5).step(x, labels)


def test_shared_arrays_and_shared_layers_stay_one() -> None:
    """Their gradient is the sum of all places."""
    weight = np.array([[2.0]])
    one = Linear(weight)
    net = Graph(
        {
            "a": Node(one),
            "b": Node(one, ("a",)),
            "c": Node(Linear(weight), ("input",)),
            "sum": Node(Add(), ("b", "c")),
            "two": Node(Linear(np.array([[1.0], [-1.0]])), ("sum",)),
        }
    )
    training = Training(net, Recipe(epochs=1, optimizer=SGD(lr=1.0)), steps=1)
    x, labels = np.array([[0.5]]), np.array([0])
    taught = training.step(x, labels)
    got = training.net["a"].weight
    assert training.net["a"] is training.net["b"]
    assert training.net["c"].weight is got
    total = sum(taught.grads[f"{n}.weight"] for n in "abc")
    np.testing.assert_allclose(got, weight - total)


def test_decay_by_name() -> None:
    optimizer = SGD(lr=0.1, weight_decay=0.01, decay_of={"conv": 0.5, "conv.bias": 0.0})
    names = ("conv.weight", "conv.bias", "fc.weight")
    assert [optimizer.decay(n) for n in names] == [0.5, 0.0, 0.01]


def test_a_long_weight_is_changed_in_every_block() -> None:
    rng = np.random.default_rng(0)
    weight, grad = rng.normal(size=(2, 300, 250))
    velocity = np.zeros_like(weight)
    want = weight - 0.5 * (grad + 0.1 * weight)
    optimizer = SGD(lr=1.0, weight_decay=0.1)
    optimizer.update("fc.weight", weight, grad, {"velocity": velocity}, 0.5, 1)
    np.testing.assert_allclose(weight, want, rtol=1e-12)


def test_filters_are_limited_to_their_size() -> None:
    rng = np.random.default_rng(0)
    weight = (
        rng.normal(size=(6, 3, 5, 4)) * np.linspace(0.02, 0.5, 6)[:, None, None, None]
    )
    before = weight.copy()
    limit_filters(weight, 0.1)
    old, new = (np.sqrt((w**2).mean((1, 2, 3))) for w in (before, weight))
    np.testing.assert_allclose(new, np.minimum(old, 0.1))
    assert 0 < (old > 0.1).sum() < 6
    np.testing.assert_array_equal(weight[old <= 0.1], before[old <= 0.1])


def test_filters_are_limited_after_each_step() -> None:
    training = begun(filter_rms=0.1)
    training.step(*batches(0, 0))
    sizes = np.sqrt((training.net["conv"].weight ** 2).mean((1, 2, 3)))
    np.testing.assert_allclose(sizes, 0.1, rtol=1e-6)


def test_the_loss_is_that_of_the_scores_before_a_softmax() -> None:
    plain = learner()
    nodes = {**plain.nodes, "softmax": Node(Softmax(), ("fc",))}
    x, labels = batches(0, 0)
    bare, topped = lesson(plain, x, labels), lesson(Graph(nodes), x, labels)
    assert bare.loss == topped.loss
    np.testing.assert_array_equal(bare.grads["fc.bias"], topped.grads["fc.bias"])
    scores = plain.in_training(0)(x)
    assert bare.loss == pytest.approx(float(cross_entropy(scores, labels)), rel=1e-6)
    assert bare.correct == (scores.argmax(1) == labels).sum()


def test_the_second_step_is_on_pictures_moved_uphill() -> None:
    plain, twice = begun(), begun(adversarial=0.4)
    x, labels = batches(0, 0)
    before = lesson(plain.net, x, labels, key=(0, 0, 0, 0), inputs=True)
    moved = twice._uphill(x, before.grads["input"], (0, 0, 0, 1)) - x
    lengths = np.sqrt((moved**2).sum((1, 2, 3)))
    assert (lengths < 0.4).all()
    assert lengths.std() > 0.01
    harder = lesson(plain.net, x + moved, labels, key=(0, 0, 0, 0))
    assert harder.loss > before.loss
    plain.step(x, labels)
    twice.step(x, labels)
    assert twice._updates == 2
    assert len(twice.history) == len(plain.history) == 1


def test_places_follow_each_other() -> None:
    place, seen = Place(0, 0, 2, 3), []
    while not place.finished:
        seen.append((place.epoch, place.step, place.iteration))
        place = place.next
    assert seen == [(0, 0, 0), (0, 1, 1), (1, 0, 2), (1, 1, 3), (2, 0, 4), (2, 1, 5)]


def test_a_cosine_rises_first() -> None:
    factors = [
        Cosine(0.1, 0.25)(Place(e, s, 10, 4)) for e in range(4) for s in range(10)
    ]
    assert factors[:10] == pytest.approx([(n + 1) / 11 for n in range(10)])
    assert factors[10] == 1
    assert factors[10:] == sorted(factors[10:], reverse=True)
    assert 0.1 < factors[-1] < 0.11


def test_a_loss_that_is_not_finite_changes_nothing() -> None:
    training = begun()
    x, labels = batches(0, 0)
    before = training.net["fc"].weight.copy()
    with np.errstate(all="ignore"), pytest.raises(NetError, match="the loss is nan"):
        training.step(x * np.float32(np.nan), labels)
    np.testing.assert_array_equal(training.net["fc"].weight, before)
    assert not training.torn


def test_an_interrupted_step_is_known_to_be_torn(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    training = begun()

    def interrupted(*args: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(SGD, "change", interrupted)
    with pytest.raises(KeyboardInterrupt):
        training.step(*batches(0, 0))
    assert training.torn
    assert training.place.iteration == 0


def test_wrong_settings() -> None:
    wrong = [
        (lambda: Recipe(epochs=0), "epochs is 0 and seed 0"),
        (lambda: Recipe(seed=-1), "seed -1, but there must"),
        (lambda: Recipe(smoothing=1.0), "smoothing is 1.0"),
        (lambda: Recipe(filter_rms=0.0), "filter_rms is 0.0, but must be above 0"),
        (lambda: Recipe(adversarial=math.inf), "adversarial is inf"),
        (lambda: SGD(lr=-1), "lr is -1, but must be 0 or more"),
        (lambda: SGD(lr=math.nan), "lr is nan"),
        (lambda: SGD(lr=1, momentum=1), "momentum is 1, but must be .* less than 1"),
        (lambda: SGD(lr=1, nesterov=True), "nesterov looks ahead"),
        (lambda: SGD(lr=1, decay_of={"fc": -1}), "weight decay 'fc' is -1"),
        (lambda: Adam(betas=(0.9, 1)), "beta is 1"),
        (lambda: Adam(eps=-1), "eps is -1"),
        (lambda: StepDecay(0), "a step every 0 epochs"),
        (lambda: StepDecay(3, 0), "by a factor of 0 is none"),
        (lambda: Cosine(2), "floor is 2 and warmup 0"),
        (lambda: Cosine(0, 1), "floor is 0 and warmup 1"),
        (lambda: Training(learner(), Recipe(), steps=0), "steps per epoch is 0"),
    ]
    for make, words in wrong:
        with pytest.raises(OptionError, match=words):
            make()
    assert Constant()(Place(3, 1, 5, 9)) == 1


def test_a_run_that_is_over() -> None:
    training = run(begun())
    with pytest.raises(OptionError, match="all 2 epochs are done"):
        training.step(*batches(2, 0))


def test_nothing_to_learn() -> None:
    with pytest.raises(NetError, match="has no parameters: there is nothing to train"):
        Training(Sequential({"relu": ReLU()}), Recipe(), steps=1)


def test_half_precision_is_not_trained_in() -> None:
    net = Sequential({"conv": Conv(np.ones((1, 1, 3), np.float16))})
    with pytest.raises(DTypeError, match=r"conv\.weight is float16: training is done"):
        with_own_weights(net)
