"""``train`` and ``predict``: a net learns from pictures, and sorts others."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from . import training_options as o
from .options import BackendName, Debug, Labels, Out, Seed
from .progress import step
from .session import session
from .training_options import OptimizerName, ScheduleName

if TYPE_CHECKING:
    from ..training.running import Watcher

MODEL = "vgg16_maxpool"
SHEET = 64
"""So many pictures of a class are on its sheet, the surest; the table has all."""


def train(
    source: o.Source,
    architecture: o.Architecture = MODEL,
    classes: o.Classes = None,
    labels: Labels = None,
    root: o.Root = None,
    begin: o.Beginning = None,
    size: o.Size = None,
    epochs: o.Epochs = 40,
    batch: o.BatchSize = 32,
    lr: o.Rate = 0.01,
    optimizer: o.Method = OptimizerName.sgd,
    momentum: o.Momentum = 0.0,
    weight_decay: o.Decay = 0.0,
    schedule: o.Plan = ScheduleName.constant,
    step_every: o.DecayEvery = 10,
    flip: o.Flip = False,
    crop: o.Crop = None,
    colour: o.Colour = 0.0,
    smoothing: o.Smoothing = 0.0,
    filter_rms: o.FilterRms = None,
    project_every: o.ProjectEvery = 0,
    project_layer: o.ProjectLayer = None,
    project_top: o.ProjectTop = 16,
    save_every: o.SaveEvery = 100,
    print_every: o.PrintEvery = 10,
    threads: o.Threads = 2,
    seed: Seed = 0,
    resume: o.Resume = True,
    out: Out = Path("run"),
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Train a network on pictures, and see what its maps respond to on the way.

    The folder holds weights.safetensors, for every other command's --model, loss and
    accuracy as curve.png, history.csv and history.json, and the projections. Stopped
    in any way, the same command goes on with the run where it was, bit for bit.
    """
    with session(backend, debug, out) as work:
        from ..layers import Conv
        from ..methods.subject import rectified
        from ..models import Model, find_architecture, read_labels
        from ..training import (
            Augmentation,
            Recipe,
            RunFolder,
            Training,
            read_listing,
        )
        from ..training import train as drive
        from ..training.folder import described
        from ..training.listing import check_classes
        from . import training_setup as setup
        from .training_watchers import Projector, Reporter

        known = find_architecture(architecture.removesuffix(":random"))
        recipe = Recipe(
            epochs=epochs,
            optimizer=setup.chosen_optimizer(optimizer, lr, momentum, weight_decay),
            schedule=setup.chosen_schedule(schedule, step_every),
            smoothing=smoothing,
            filter_rms=filter_rms,
            seed=seed,
        )
        augmentation = Augmentation(flip=flip, crop=crop, colour=colour)
        preprocess = setup.sized(known.preprocess, size)
        listing = read_listing(source, root=root)
        count = classes or listing.classes
        check_classes(listing, count)
        names = listing.names if labels is None else read_labels(labels)
        if names and len(names) != count:
            raise typer.BadParameter(f"{len(names)} class names for {count} classes")
        weights = setup.first_weights(known, seed, count, begin)
        net = known.build(weights)
        shown = project_layer or rectified(net, net.of_type(Conv)[-1])
        net.require(shown)
        pictures = setup.read_pictures(
            listing,
            preprocess,
            augmentation,
            out,
            batch=batch,
            seed=seed,
            threads=threads,
        )
        training = Training(net, recipe, steps=pictures.steps)
        about = {
            **{
                k: v
                for k, v in described(recipe).items()
                if k not in ("kind", "epochs")
            },
            "model": known.name,
            "classes": count,
            "pictures": pictures.listing.digest(),
            "batch": batch,
            "augmentation": described(augmentation),
            "size": list(preprocess.size),
            "begun from": None if begin is None else begin.name,
        }
        told = {"source": str(source), "unreadable": len(pictures.unreadable)}
        folder = RunFolder(out, known.name, preprocess, names, about, told)
        if folder.begun and resume:
            folder.resume(training)
            setup.announce(training, out)
            folder.show(training)
        else:
            folder.discard()
        work.kept = True
        work.about = {"model": known.name}
        watchers: list[Watcher] = [Reporter(print_every)]
        trained = Model(training.net, preprocess, names, known.name, "in training")
        if project_every:
            x = preprocess(pictures.listing.paths[0])
            watching = Projector(work, trained, x, shown, project_top, project_every)
            watchers.append(watching)
        drive(
            training,
            pictures,
            folder=folder,
            save_every=save_every,
            threads=threads,
            watchers=watchers,
        )
        loss, accuracy = training.history.epochs(pictures.steps)[-1]
        epochs = training.place.epoch
        typer.echo(
            f"{epochs} epoch{'s' * (epochs != 1)} done: mean loss {loss:.4f}, mean "
            f"accuracy {accuracy:.1%} in the last; weights: "
            f"{out / 'weights.safetensors'}"
        )


def predict(
    source: Annotated[
        Path,
        typer.Argument(
            metavar="FOLDER", help="Of pictures; all below it.", show_default=False
        ),
    ],
    weights: Annotated[
        str,
        typer.Option(
            "--weights",
            "--model",
            metavar="RUN|FILE|NAME",
            help="The folder of a training run, a file of weights, or a model's name.",
        ),
    ] = "run",
    labels: Labels = None,
    top: Annotated[
        int, typer.Option("--top", min=1, help="Classes of each in the JSON.")
    ] = 3,
    threads: o.Threads = 2,
    out: Out = Path("predictions"),
    backend: BackendName = None,
    debug: Debug = False,
) -> None:
    """Sort a folder of pictures into classes: a table, a sheet per class, JSON."""
    with session(backend, debug, out) as work:
        from dataclasses import replace

        from ..io.atomic import atomic_write
        from ..models import read_labels
        from ..training import load_trained, pictures_below
        from ..training import predict as sort
        from .inputs import open_model
        from .prediction_sheets import class_file, class_sheet
        from .training_setup import counted

        if Path(weights).is_dir():
            known = load_trained(Path(weights))
            if labels is not None:
                known = replace(known, labels=read_labels(labels))
        else:
            known = open_model(weights, labels)
        paths = pictures_below(source) if source.is_dir() else [source]
        with step("sorting the pictures") as progress:
            found = sort(known, paths, top=top, threads=threads, progress=progress)
        about = {"model": known.name, "weights": known.weights_source}
        work.about = about
        for index, some in found.by_class().items():
            typer.echo(f"{known.label(index)} ({index}): {counted(len(some))}")
            for each in some:
                name = each.path.relative_to(source) if source.is_dir() else each.path
                typer.echo(f"  {each.best.probability:6.1%}  {name}")
            settings = found.settings | {"class": index}
            sheet = class_sheet(known.label(index), some[:SHEET])
            work.save(class_file(index, known.label(index)), sheet, settings)
        if found.unreadable:
            count = counted(len(found.unreadable))
            typer.echo(f"left out: {count} that cannot be read", err=True)
            for reason in found.unreadable.values():
                typer.echo(f"  {reason}", err=True)
        path = out / "predictions.json"
        with atomic_write(path) as file:
            file.write(found.as_json().encode("utf-8", "backslashreplace"))
        typer.echo(f"wrote {path}")
