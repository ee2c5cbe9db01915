"""Train the embedded network: a small ZFNet that names what an emoji shows.

Get the pictures (free licences; the twitter set is only ever measured on)::

    npm pack emoji-datasource-google@16.0.0 emoji-datasource-twitter@16.0.0 \\
        @iconify-json/noto-v1@1.2.5 @iconify-json/fluent-emoji@1.2.7 \\
        @iconify-json/fluent-emoji-flat@1.2.6 @iconify-json/emojione@1.2.3

unpack each archive into a folder of its own (``tar xzf ARCHIVE -C FOLDER
--strip-components=1``), ``pip install torch safetensors pillow resvg-py``, then::

    python benchmarks/train_emoji_net.py --google google --twitter twitter \\
        --drawings noto-v1 fluent-emoji fluent-emoji-flat emojione \\
        --out numpy_deconv/models/data/emoji_zfnet.safetensors

A description (layers, preprocessing, labels, held-out accuracy) is written beside
``--out`` as ``.json``. Batch normalisation is used in training only and folded into
the convolutions. Every batch is stepped on twice, as it is and moved a little up its
own loss gradient, which the first step has found anyway (Shafahi et al., "Adversarial
Training for Free!", NeurIPS 2019): units of a network trained so respond to shapes
rather than to faint texture, and their projections show it (Tsipras et al.,
"Robustness May Be at Odds with Accuracy", ICLR 2019). One seed gives one result on
one machine.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from emoji_augment import augmented, on_white
from emoji_data import CLASSES, Pictures, join, read_datasource, read_iconify
from emoji_net import balance, build, fold, layers
from safetensors.torch import save_file
from torch import Tensor, nn

SIZE = 96
# Most epochs see smaller views, which cost less than half, and the rest full ones.
SMALL_SIZE = 64
SMALL_EPOCHS = 0.7
# Of the augmented views of all the training pictures, by channel.
MEAN = (0.647, 0.614, 0.588)
STD = (0.296, 0.287, 0.308)
BATCH = 64
STEPS_PER_EPOCH = 72
LEARNING_RATE = 0.004
WEIGHT_DECAY = 0.05
# Of conv1 alone: the speckle it starts with is forgotten, and its filters are seen.
FIRST_DECAY = 0.5
# Euclidean length, over all pixels in [0, 1], of the longest adversarial step.
ADVERSARIAL_STEP = 1.0


def picture_chances(pictures: Pictures) -> Tensor:
    """How often each picture is drawn: classes by the 4th root of their size, and every
    emoji of a class equally, whatever number of skin tones it has.
    """
    label = torch.from_numpy(pictures.label)
    concept = torch.from_numpy(pictures.concept)
    variants = torch.bincount(concept)[concept]
    emoji = torch.zeros(len(CLASSES)).index_add_(0, label, 1 / variants)
    return 1 / (variants * emoji[label] ** 0.75)


def descend(
    net: nn.Module, optimizer: torch.optim.Optimizer, x: Tensor, label: Tensor
) -> float:
    """Take one step of training on `x`, and return the loss before it."""
    optimizer.zero_grad(set_to_none=True)
    loss = F.cross_entropy(net(x), label, label_smoothing=0.1)
    torch.autograd.backward(loss)
    optimizer.step()
    return float(loss.detach())


def uphill(x: Tensor, length: Tensor) -> Tensor:
    """`x`, each picture moved by its `length` up the gradient that `x` holds."""
    slope = x.grad if x.grad is not None else torch.zeros_like(x)
    norm = slope.flatten(1).norm(dim=1).clamp(min=1e-12)
    moved: Tensor = x + slope * (length / norm)[:, None, None, None]
    return moved.detach()


def train(
    pictures: Pictures, mean: Tensor, std: Tensor, epochs: int, seed: int
) -> nn.Sequential:
    """Train with AdamW and a one-cycle learning rate; print the loss of each epoch."""
    torch.manual_seed(seed)
    generator = torch.Generator().manual_seed(seed)
    net = build(layers(len(CLASSES)), training=True)
    rate = LEARNING_RATE
    first = net.get_submodule("conv1")
    others = [m for m in net if m is not first]
    groups: list[dict[str, Any]] = [
        {"params": first.parameters(), "weight_decay": FIRST_DECAY},
        {"params": [p for m in others for p in m.parameters()]},
    ]
    optimizer = torch.optim.AdamW(groups, rate, weight_decay=WEIGHT_DECAY)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimizer, rate, total_steps=2 * epochs * STEPS_PER_EPOCH, pct_start=0.2
    )
    chances = picture_chances(pictures)
    rgba, labels = torch.from_numpy(pictures.rgba), torch.from_numpy(pictures.label)
    started = time.perf_counter()
    for epoch in range(epochs):
        total = 0.0
        size = SMALL_SIZE if epoch < SMALL_EPOCHS * epochs else SIZE
        for _ in range(STEPS_PER_EPOCH):
            chosen = torch.multinomial(chances, BATCH, generator=generator)
            x = (augmented(rgba[chosen], size, generator) - mean) / std
            length = torch.rand(BATCH, generator=generator) * ADVERSARIAL_STEP
            # The input is in units of `std`; the length is in pixels.
            length = length / float(std.mean())
            x.requires_grad_()
            total += descend(net, optimizer, x, labels[chosen])
            schedule.step()
            descend(net, optimizer, uphill(x, length), labels[chosen])
            schedule.step()
        minutes = (time.perf_counter() - started) / 60
        loss_now = total / STEPS_PER_EPOCH
        print(f"epoch {epoch + 1}: loss {loss_now:.3f}, {minutes:.1f} min", flush=True)
    net.eval()
    return net


@torch.no_grad()
def measure(
    net: nn.Module, pictures: Pictures, mean: Tensor, std: Tensor
) -> dict[str, Any]:
    """Accuracy on pictures composited on white: over all, and by class."""
    scores = net((on_white(torch.from_numpy(pictures.rgba)) - mean) / std)
    label = torch.from_numpy(pictures.label)
    ranked = scores.argsort(1, descending=True) == label[:, None]
    per_class = {
        name: {
            "pictures": int((label == index).sum()),
            "top1": round(float(ranked[label == index, 0].float().mean()), 4),
        }
        for index, name in enumerate(CLASSES)
        if bool((label == index).any())
    }
    return {
        "pictures": len(label),
        "top1": round(float(ranked[:, 0].float().mean()), 4),
        "top3": round(float(ranked[:, :3].any(1).float().mean()), 4),
        "mean_class_top1": round(
            sum(row["top1"] for row in per_class.values()) / len(per_class), 4
        ),
        "per_class": per_class,
    }


def finished(trained: nn.Sequential, pictures: Tensor) -> nn.Sequential:
    """The network to ship: batch norm folded, units balanced, float16 values."""
    plain = fold(trained, layers(len(CLASSES)))
    sample = pictures.double()
    trained = trained.double()
    with torch.no_grad():
        error = (plain(sample) - trained(sample)).abs().max()
        before = plain(sample)
        balance(plain, sample)
        moved = (plain(sample) - before).abs().max()
    print(f"folding moved the scores by {error:.1e}, balancing by {moved:.1e}")
    return plain.half().float()


def write(net: nn.Sequential, description: dict[str, Any], out: Path) -> None:
    """Write float16 weights to `out` and the description beside it."""
    arrays = {
        name: value.half().contiguous() for name, value in net.state_dict().items()
    }
    beside = out.with_suffix(".json")
    unfinished = out.with_suffix(".part"), beside.with_suffix(".json.part")
    save_file(arrays, unfinished[0])
    unfinished[1].write_text(json.dumps(description, indent=1) + "\n", "utf-8")
    os.replace(unfinished[0], out)
    os.replace(unfinished[1], beside)


def main() -> None:
    """Read the command line, train, measure on the held-out vendor, write."""
    parser = argparse.ArgumentParser(description="Train the embedded emoji network.")
    parser.add_argument("--google", type=Path, required=True)
    parser.add_argument("--twitter", type=Path, required=True)
    parser.add_argument("--drawings", type=Path, nargs="*", default=[])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=20)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    torch.set_num_threads(2)
    torch.use_deterministic_algorithms(True)

    sets = [read_datasource(options.google, "google", SIZE, tones=True)]
    sets += [read_iconify(folder, options.google, SIZE) for folder in options.drawings]
    pictures = join(sets)
    generator = torch.Generator().manual_seed(options.seed)
    rgba = torch.from_numpy(pictures.rgba)
    some = torch.randperm(len(rgba), generator=generator)[:512]
    mean, std = torch.tensor(MEAN)[:, None, None], torch.tensor(STD)[:, None, None]

    trained = train(pictures, mean, std, options.epochs, options.seed)
    net = finished(trained, (on_white(rgba[some]) - mean) / std)
    held_out = measure(
        net, read_datasource(options.twitter, "twitter", SIZE), mean, std
    )
    counts = {
        name: pictures.vendor.count(name) for name in dict.fromkeys(pictures.vendor)
    }
    description = {
        "architecture": "emoji_zfnet",
        "input_size": [SIZE, SIZE],
        "mean": list(MEAN),
        "std": list(STD),
        "labels": list(CLASSES),
        "held_out": {"vendor": "twitter", **held_out},
        "trained_on": counts,
        "recipe": {"epochs": options.epochs, "seed": options.seed},
        "layers": layers(len(CLASSES)),
    }
    write(net, description, options.out)
    print(json.dumps(held_out, indent=1))


if __name__ == "__main__":
    main()
