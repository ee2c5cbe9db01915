"""The options of ``train``: what each means, in one place."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer


class OptimizerName(StrEnum):
    """The optimizers of ``numpy_deconv.training``."""

    sgd = "sgd"
    adam = "adam"
    adamw = "adamw"


class ScheduleName(StrEnum):
    """The learning-rate schedules of ``numpy_deconv.training``."""

    constant = "constant"
    step = "step"
    cosine = "cosine"


Source = Annotated[
    Path,
    typer.Argument(
        metavar="LIST|FOLDER",
        help="A text file with a path and a class number on each line, or a folder "
        "that holds one folder of pictures per class.",
        show_default=False,
    ),
]
Root = Annotated[
    Path | None,
    typer.Option(
        "--root",
        metavar="DIR",
        help="What the paths of a list are below. [default: the list's folder]",
        show_default=False,
    ),
]
Architecture = Annotated[
    str, typer.Option("--model", metavar="NAME", help="An architecture's name.")
]
Beginning = Annotated[
    Path | None,
    typer.Option(
        "--from",
        metavar="FILE",
        help="Weights to begin from, as far as keys and shapes fit. [default: random]",
        show_default=False,
    ),
]
Classes = Annotated[
    int | None,
    typer.Option(
        "--classes",
        min=2,
        help="How many classes. [default: as the labels are]",
        show_default=False,
    ),
]
Size = Annotated[
    int | None,
    typer.Option(
        "--size",
        min=8,
        help="Height and width that pictures are resized to. [default: the model's]",
        show_default=False,
    ),
]
Epochs = Annotated[int, typer.Option("--epochs", min=1, help="Passes over all.")]
BatchSize = Annotated[
    int, typer.Option("--batch", min=1, help="Pictures a step; the rest is dropped.")
]
Rate = Annotated[float, typer.Option("--lr", min=0, help="Learning rate.")]
Method = Annotated[
    OptimizerName, typer.Option("--optimizer", help="How weights follow gradients.")
]
Momentum = Annotated[
    float, typer.Option("--momentum", min=0, max=0.9999, help="Of SGD.")
]
Decay = Annotated[
    float, typer.Option("--weight-decay", min=0, help="As torch's, of all weights.")
]
Plan = Annotated[
    ScheduleName, typer.Option("--schedule", help="How the learning rate changes.")
]
DecayEvery = Annotated[
    int,
    typer.Option(
        "--step-every", min=1, help="Epochs, with --schedule step: then a tenth of it."
    ),
]
Flip = Annotated[bool, typer.Option("--flip", help="Mirror half of the pictures.")]
Crop = Annotated[
    float | None,
    typer.Option(
        "--crop",
        metavar="SHARE",
        help="Cut random boxes out, of this share of the picture at least.",
        show_default=False,
    ),
]
Colour = Annotated[
    float,
    typer.Option(
        "--colour",
        min=0,
        max=1,
        help="Change brightness, contrast and saturation by up to this share.",
    ),
]
Smoothing = Annotated[
    float, typer.Option("--smoothing", min=0, max=0.9, help="Of the labels.")
]
FilterRms = Annotated[
    float | None,
    typer.Option(
        "--filter-rms",
        help="Scale filters down to this root mean square (ZFNet: 0.1).",
        show_default=False,
    ),
]
ProjectEvery = Annotated[
    int,
    typer.Option(
        "--project-every",
        min=0,
        help="Iterations between two looks at the maps; 0 for none.",
    ),
]
ProjectLayer = Annotated[
    str | None,
    typer.Option(
        "--project-layer",
        metavar="LAYER",
        help="Whose maps are projected. [default: the last convolution, rectified]",
        show_default=False,
    ),
]
ProjectTop = Annotated[
    int, typer.Option("--project-top", min=1, help="How many maps: the strongest.")
]
SaveEvery = Annotated[
    int,
    typer.Option(
        "--save-every", min=1, help="Iterations between two checkpoints, at most."
    ),
]
PrintEvery = Annotated[
    int, typer.Option("--print-every", min=1, help="Iterations between two lines.")
]
Threads = Annotated[
    int, typer.Option("--threads", min=1, help="That read pictures ahead.")
]
Resume = Annotated[
    bool,
    typer.Option(
        "--resume/--restart",
        help="If the folder holds a run: go on with it, or begin anew in its place.",
    ),
]
