"""Assembly: from the names and numbers of a configuration to data, networks and functions.

Whatever can be wrong with a run is refused here, before it starts.
"""

import typing
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from ucmt_lite.common import InputError, one_of
from ucmt_lite.experiments.config import RunConfig, check_numbers
from ucmt_lite.experiments.method_settings import method_settings
from ucmt_lite.experiments.provenance import environment

if typing.TYPE_CHECKING:
    import torch

    from ucmt_lite.data import Batches, Cases, Source
    from ucmt_lite.methods import Nets


STATISTICS = ("running", "estimated")
LABELED_VIEWS = ("weak", "strong")
LABELED_BY = ("images", "patients")
SCORE_SIZES = ("own", "network")


class Images(typing.NamedTuple):
    """A data set as a run uses it: the training images, and those that a recorder looks at."""

    source: "Source"
    train: "Cases"
    probe: "Cases"


@dataclass(frozen=True)
class Prepared:
    """Everything that a run trains with, checked."""

    config: RunConfig
    source: "Source"
    device: "torch.device"
    environment: dict
    shrink: float
    patch: tuple[int, ...] | None
    batches: "Batches"
    probe: "Cases"
    nets: "Nets"
    settings: dict
    labeled_ids: tuple[str, ...]

    @property
    def size(self) -> int | None:
        """The side 2D images are resized to; volumes keep theirs."""
        return self.config.size if self.source.dims == 2 else None

    @property
    def labeled_masks(self) -> list[np.ndarray]:
        """The masks that training used."""
        return [mask for _, mask in self.batches.labeled]

    @property
    def about(self) -> dict:
        """What a trace and a saved network say of where they come from."""
        return {
            "method": self.config.method,
            "dataset": self.config.dataset,
            "classes": list(self.source.classes),
            "seed": self.config.seed,
            "config": self.config.as_dict(),
            "commit": self.environment["commit"],
        }


def prepare(config: RunConfig, load: Callable[..., Images] | None = None) -> Prepared:
    """Check a configuration, and assemble what a run of it trains with.

    `load` reads the data set; `load_images` where nothing is said.
    """
    from ucmt_lite.data import split_labeled
    from ucmt_lite.training.devices import choose_device, choose_precision

    device = choose_device(config.device)
    choose_precision(config.precision, device)
    start = environment(str(device))  # now: the clone may be at another commit when training ends
    check_names(config)

    read = load or load_images
    images = read(config.dataset, config.data, config.classes, config.size, config.group)
    source = images.source
    check_fit(config, source)
    images, factor, patch = _at_size(config, images)
    labeled, unlabeled = split_labeled(
        images.train,
        None,
        config.labeled,
        config.seed if config.draw < 0 else config.draw,
        by_patients=config.labeled_by == "patients",
        listed=source.labeled,
        unlabeled=config.unlabeled,
    )
    batches = _make_batches(config, images, labeled, unlabeled, patch, device)
    settings = method_settings(config, source.dims, batches.patch)
    nets = make_nets(config, source, device, batches.patch)
    return Prepared(
        config=config,
        source=source,
        device=device,
        environment=start,
        shrink=factor,
        patch=patch,
        batches=batches,
        probe=images.probe,
        nets=nets,
        settings=settings,
        labeled_ids=tuple(labeled),
    )


def _at_size(config: RunConfig, images: Images) -> tuple[Images, float, tuple[int, ...] | None]:
    """Make volumes smaller, and choose what of them is seen at once; 2D images have their size.

    Volumes to watch are cropped about their centre to that patch, so that a look costs little.
    """
    from ucmt_lite.data.batches import center_crop
    from ucmt_lite.data.shrink import STRIDE, shrink, shrink_factor, whole_patch

    if images.source.dims == 2:
        return images, 1.0, None
    factor = config.shrink or shrink_factor([mask.shape for mask in images.train.masks])
    train = shrink(images.train, factor)
    patch = config.patch or whole_patch(train)
    longest = np.max([mask.shape for mask in train.masks], axis=0)
    if any(side > 2 * max(most, STRIDE) for side, most in zip(patch, longest, strict=True)):
        raise InputError(
            f"patch={patch} is more than twice as long as the longest volumes,"
            f" {tuple(longest.tolist())} voxels: most of it would be padding, choose a smaller one."
        )
    probe = center_crop(shrink(images.probe, factor), patch)
    return Images(images.source, train, probe), factor, patch


def _make_batches(
    config: RunConfig,
    images: Images,
    labeled: Sequence[str],
    unlabeled: Sequence[str],
    patch: tuple[int, ...] | None,
    device: "torch.device",
) -> "Batches":
    """Return the minibatches of a run, in the views that its configuration asks for."""
    from ucmt_lite.data import Batches
    from ucmt_lite.data.views import strength_of

    return Batches(
        images.train.select(labeled),
        images.train.select(unlabeled),
        batch=(config.batch, config.batch),
        patch=patch,
        views=strength_of(images.source.dims, config.views),
        strong_labeled=config.labeled_views == "strong",
        seed=config.seed,
        device=device,
    )


def load_images(
    dataset: str, data: str, classes: int, size: int, group: str = "", watched: int = 16
) -> Images:
    """Read a data set: its training images, and the first ones to watch.

    Those are of the validation split, where there is one; two volumes, or `watched` 2D images.
    """
    from ucmt_lite.data import cases, load, takes_size

    source = load(
        dataset,
        root=data or None,
        size=size if takes_size(dataset) else None,
        classes=classes,
        group=group,
    )
    side = size if source.dims == 2 else None
    split = source.splits["validation" if "validation" in source.splits else "train"]
    masked = split["has_mask"] if "has_mask" in split.column_names else [True] * len(split)
    rows = [i for i, known in enumerate(masked) if known][: watched if source.dims == 2 else 2]
    train = cases(source.splits["train"], size=side)
    return Images(source, train, cases(split.select(rows), size=side))


def check_names(config: RunConfig) -> None:
    """Refuse what is wrong with a configuration whatever its data look like."""
    from ucmt_lite.methods import METHODS
    from ucmt_lite.nets import NORMS, check_network

    one_of("method", config.method, METHODS)
    check_network(config.network, config.network_settings)
    if config.network2:
        check_network(config.network2, {})
    one_of("norm", config.norm, NORMS)
    one_of("kind of statistics", config.statistics, STATISTICS)
    one_of("way to count labels", config.labeled_by, LABELED_BY)
    one_of("kind of labeled views", config.labeled_views, LABELED_VIEWS)
    one_of("size to score at", config.score_size, SCORE_SIZES)
    check_numbers(config)
    check_effect(config)


def check_effect(config: RunConfig) -> None:
    """Refuse settings that would change nothing, or that the method cannot do."""
    from ucmt_lite.data import PHANTOMS, READERS

    if config.data and config.dataset in PHANTOMS:
        raise InputError(
            f"data='{config.data}' is not read by '{config.dataset}', which is drawn: leave it out."
        )
    if config.group and config.dataset not in READERS:
        raise InputError(
            f"group='{config.group}' is for your own data, '{config.dataset}' knows its patients:"
            " leave it out."
        )
    if config.classes != 2 and config.dataset not in READERS:
        raise InputError(
            f"classes={config.classes} is for your own data, '{config.dataset}' knows its own:"
            " leave it out."
        )
    if config.batch < 2 and config.method in ("bcp", "unimatch", "adamix"):
        raise InputError(
            f"batch={config.batch}: {config.method} mixes an image with another one of the"
            " minibatch, give 2 or more."
        )
    if config.unlabeled and config.method == "supervised":
        raise InputError(
            f"unlabeled={config.unlabeled} changes nothing with method supervised, which sees"
            " labeled images alone: leave it out (in a grid, give it to the other variants)."
        )
    check_networks(config)


def check_networks(config: RunConfig) -> None:
    """Refuse networks that the method cannot use, and norms that they do not take."""
    from ucmt_lite.methods import METHODS
    from ucmt_lite.nets import NETS, is_foreign

    networks = [name for name in (config.network, config.network2) if name]
    if config.norm != RunConfig.norm and all(map(is_foreign, networks)):
        raise InputError(
            f"norm='{config.norm}' is for networks of this kit, '{config.network}' has its own: set"
            " it by network_settings, if its class takes one."
        )
    learning = [name for name in NETS if not NETS[name].needs]
    frozen = config.network in NETS and config.network not in learning
    if config.norm != RunConfig.norm and frozen:
        raise InputError(
            f"norm='{config.norm}': '{config.network}' keeps the norms of its weights, leave it"
            " out."
        )
    if config.statistics == "estimated" and frozen:
        raise InputError(
            f"statistics='estimated': '{config.network}' keeps the statistics of its weights, leave"
            " it out."
        )
    if config.method == "unimatch" and config.network not in learning:
        raise InputError(
            f"network='{config.network}': unimatch thins out the features of an encoder that"
            f" learns; choose one of {', '.join(learning)}."
        )
    if config.network2 and "student2" not in METHODS[config.method].nets:
        raise InputError(
            f"network2='{config.network2}': method {config.method} has no second student, leave it"
            " out."
        )


def check_fit(config: RunConfig, source: "Source") -> None:
    """Refuse what does not fit the data set."""
    one_of(
        f"split of '{config.dataset}' to score",
        config.split,
        [name for name in source.splits if name != "train"],
    )
    if source.dims == 3 and len(config.patch) not in (0, 3):
        raise InputError(
            f"patch={config.patch} has {len(config.patch)} numbers, the volumes of"
            f" '{config.dataset}' 3 axes: give one an axis."
        )
    if source.dims == 2 and config.shrink > 1:
        raise InputError(
            f"shrink={config.shrink} is for volumes, '{config.dataset}' has 2D images: set"
            f" size={config.size} instead."
        )
    if source.dims == 2 and config.patch:
        raise InputError(
            f"patch={config.patch} is for volumes, '{config.dataset}' has 2D images: set"
            f" size={config.size} instead."
        )


def make_nets(
    config: RunConfig, source: "Source", device: "torch.device", sides: Sequence[int]
) -> "Nets":
    """Build the networks on the device, and try each on an image with the sides it will see."""
    import torch

    from ucmt_lite.methods import FlawDetector, build_nets
    from ucmt_lite.nets import make

    channels, classes, dims = source.channels, len(source.classes), source.dims
    first = partial(
        make, config.network, channels, classes, dims, config.norm, config.network_settings
    )
    other = config.network2 not in ("", config.network)
    nets = build_nets(
        config.method,
        first,
        make_net2=partial(make, config.network2, channels, classes, dims, config.norm)
        if other
        else first,
        flaw_detector=lambda: FlawDetector(channels, classes, dims),
        seed=config.seed,
    ).to(device)
    # Channels last: the same mathematics, 1.4 to 1.8 times faster on a CPU. Not on Apple's GPUs,
    # where batch norm's backward pass was wrong in that layout.
    if device.type != "mps":
        layout = torch.channels_last if dims == 2 else torch.channels_last_3d
        nets.to(memory_format=layout)  # type: ignore[call-overload]  # missing from torch's stubs
    check_statistics(config, nets)
    try_nets(nets, torch.zeros(min(2, config.batch), channels, *sides, device=device))
    return nets


def check_statistics(config: RunConfig, nets: "Nets") -> None:
    """Refuse to estimate the statistics of batch norms where there are none."""
    from torch.nn.modules.batchnorm import _BatchNorm

    from ucmt_lite.nets import is_foreign

    if config.statistics == "estimated" and not any(
        isinstance(module, _BatchNorm) for module in nets.modules()
    ):
        none = f"'{config.network}'" if is_foreign(config.network) else f"norm='{config.norm}'"
        raise InputError(
            f"statistics='estimated' is for batch norm, {none} has none: leave it out."
        )


def try_nets(nets: "Nets", image: "torch.Tensor") -> None:
    """Let images `B C *S` go through each network, and leave it in evaluation mode."""
    import torch

    from ucmt_lite.nets import ForeignNet, check_passes

    nets.eval()
    for name, net in nets.named_children():
        if isinstance(net, ForeignNet):
            check_passes(net, image)
        elif name != "flaw_detector":
            with torch.no_grad():
                net(image[:1])
