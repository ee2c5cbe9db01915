"""Makes ``weight_files.zip``: files that Paddle and Keras wrote themselves, and what
the networks they belong to put out. Run by hand, each half in an environment of its
own: ``python tests/make_weight_files.py paddle`` (paddlepaddle 3.3) and ``... keras``
(keras 3.15 with tensorflow-cpu).
"""

from __future__ import annotations

import sys
import tempfile
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

ARCHIVE = Path(__file__).with_name("weight_files.zip")


def picture(*shape: int) -> np.ndarray[Any, Any]:
    """The input whose outputs are kept."""
    return np.random.RandomState(0).rand(*shape).astype("f4")


def paddle_files(folder: Path) -> None:
    """A state dict by each pickle protocol, inside a checkpoint, and in bfloat16."""
    import paddle
    from paddle import nn

    class Tiny(nn.Layer):  # type: ignore[misc, name-defined]
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2D(3, 4, 3, padding=1)
            self.bn = nn.BatchNorm2D(4)
            self.fc = nn.Linear(64, 5)

        def forward(self, x: Any) -> Any:
            x = nn.functional.relu(self.bn(self.conv(x)))
            return self.fc(paddle.flatten(nn.functional.max_pool2d(x, 2, 2), 1))

    paddle.seed(0)
    net = Tiny()
    net(paddle.to_tensor(picture(4, 3, 8, 8)))  # moves the running statistics
    net.eval()
    state = net.state_dict()
    for protocol in (2, 3, 4):
        paddle.save(state, str(folder / f"p{protocol}.pdparams"), protocol=protocol)
    paddle.save({"model": state, "epoch": 3}, str(folder / "checkpoint.pdparams"))
    half = {name: value.astype("bfloat16") for name, value in state.items()}
    paddle.save(half, str(folder / "bfloat16.pdparams"))
    paddle.save(net.conv.weight, str(folder / "single.pdparams"))
    x = picture(1, 3, 8, 8)
    arrays = {name: value.numpy() for name, value in state.items()}
    np.savez(folder / "paddle.npz", x=x, y=net(paddle.to_tensor(x)).numpy(), **arrays)


def keras_files(folder: Path) -> None:
    """Whole models and bare weights in each format, nested and in bfloat16."""
    import keras

    layers = keras.layers

    def tiny() -> Any:
        first = layers.Input((9, 11, 3))
        x = layers.Conv2D(4, (3, 2), padding="same", name="first")(first)
        x = layers.ReLU()(layers.BatchNormalization()(x))
        x = layers.DepthwiseConv2D(3, padding="same", depth_multiplier=2)(x)
        x = layers.Conv2D(6, 1, use_bias=False)(x)
        x = layers.SeparableConv2D(5, 3, padding="same")(layers.MaxPool2D(2)(x))
        x = layers.Dropout(0.5)(layers.Dense(7, activation="relu")(layers.Flatten()(x)))
        return keras.Model(first, layers.Dense(3)(x))

    keras.utils.set_random_seed(0)
    net = tiny()
    rng = np.random.RandomState(1)
    net.set_weights([w + 0.1 * rng.rand(*w.shape) for w in net.get_weights()])
    x = picture(2, 9, 11, 3)
    arrays = {weight.path.replace("/", "."): weight.numpy() for weight in net.weights}
    np.savez(folder / "keras.npz", x=x, y=net(x).numpy(), **arrays)
    net.compile("adam", "mse")
    net.save(folder / "whole.h5")
    net.save(folder / "whole.keras")
    net.save_weights(folder / "bare.weights.h5")
    outer = keras.Sequential([layers.Input((9, 11, 3)), tiny(), layers.Dense(2)])
    outer.save(folder / "nested.keras")
    outer.save(folder / "nested.h5")
    keras.config.set_dtype_policy("bfloat16")
    small = [layers.Input((4, 4, 1)), layers.Conv2D(2, 3), layers.Flatten()]
    half = keras.Sequential([*small, layers.Dense(2)])
    half.save(folder / "bfloat16.keras")
    half.save(folder / "bfloat16.h5")


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as name:
        {"paddle": paddle_files, "keras": keras_files}[sys.argv[1]](Path(name))
        with zipfile.ZipFile(
            ARCHIVE, "a", zipfile.ZIP_DEFLATED, compresslevel=9
        ) as out:
            for file in sorted(Path(name).iterdir()):
                out.write(file, file.name)
