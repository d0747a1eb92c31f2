"""A trained network for other programs and people: as ONNX, and as a repository on the Hub."""

from __future__ import annotations

import copy
import json
import logging
import os
import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ucmt_lite.common import InputError, atomic, plain
from ucmt_lite.predict.segmenter import Segmenter, save_segmenter

_TOLERANCE = 1e-4  # between the probabilities of torch and of the ONNX file
# A network with steep logits loses more than that to float32's rounding, in torch as in ONNX: so
# often what torch itself differs from its own result in float64 is granted as well.
_ROUNDINGS = 3
_EXAMPLES = {2: "photo.png", 3: "scan.nii.gz"}
_SIDE = 64  # pixels of the image a 2D network without a size of training is traced with


def to_onnx(segmenter: Segmenter, path: str | os.PathLike) -> float:
    """Write a network as an ONNX file, and return by how much its probabilities differ at most.

    The file takes `image` (float32 `B C *S`, prepared as in training: 0..255 as -1..1) and gives
    `probabilities` (`B K *S`); the card stands in its metadata as JSON. 2D networks take any sides
    that their stride divides, 3D networks windows of the card's `patch`. Before the file appears,
    onnxruntime runs it on random images, and torch does.

    Raises InputError without the packages onnx, onnxscript and onnxruntime, for a 3D network
    without a patch, and where the probabilities differ by more than 1e-4 and by more than three
    times what float32 costs torch itself.
    """
    _check_packages()
    net = _WithSoftmax(copy.deepcopy(segmenter.net).float().cpu().eval())
    dims, channels = segmenter.card["dims"], segmenter.card["in_channels"]
    sides = _traced_sides(segmenter)
    first = _random_images(2, channels, sides)
    others = [_random_images(1, channels, sides)]
    if dims == 2:
        others.append(_random_images(1, channels, [2 * side for side in sides]))
    dynamic = torch.export.Dim.DYNAMIC
    free = dict.fromkeys((0, 2, 3) if dims == 2 else (0,), dynamic)
    with _silently():
        program = torch.onnx.export(
            net,
            (first,),
            dynamo=True,
            dynamic_shapes=(free,),
            input_names=["image"],
            output_names=["probabilities"],
            verbose=False,
        )
    if program is None:
        raise InputError(f"torch {torch.__version__} wrote no ONNX program: update torch.")
    program.model.metadata_props["card"] = json.dumps(plain(segmenter.card), allow_nan=False)
    with atomic(path) as temporary:
        program.save(temporary)
        images = [first, *others]
        difference = max(_difference(net, temporary, x) for x in images)
        rounding = max(_rounding(net, x) for x in images)
        if not difference <= max(_TOLERANCE, _ROUNDINGS * rounding):
            raise InputError(
                f"The ONNX file gives probabilities that differ by {difference:.1e} from torch's,"
                " so it is not kept: update torch, onnx and onnxruntime."
            )
    return difference


def push_to_hub(
    segmenter: Segmenter,
    repo_id: str,
    *,
    private: bool = False,
    token: str | None = None,
    license: str | None = None,
    message: str = "Upload a segmentation network",
) -> str:
    """Upload a network and a page about it to the Hugging Face Hub, and return its address.

    The repository OWNER/NAME is made where it does not exist. It gets `teacher.safetensors`, which
    `load_segmenter` reads, and a README.md made from the network's card (`model_page`). Where the
    data lay on this computer is left out of both.

    Raises InputError for a name that the Hub does not take, and where it cannot be reached or
    refuses.
    """
    import httpx
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HfHubHTTPError, HFValidationError

    card = _without_paths(segmenter.card)
    try:
        api = HfApi(token=token)
        with tempfile.TemporaryDirectory() as folder:
            save_segmenter(segmenter.net, Path(folder) / "teacher.safetensors", card)
            page = model_page(card, repo_id, license)
            (Path(folder) / "README.md").write_text(page, encoding="utf-8")
            url = api.create_repo(repo_id, private=private, exist_ok=True)
            api.upload_folder(repo_id=repo_id, folder_path=folder, commit_message=message)
        return str(url)
    except HFValidationError as cause:
        raise InputError(f"'{repo_id}' is no name of a repository: give OWNER/NAME.") from cause
    except (HfHubHTTPError, httpx.HTTPError, OSError) as cause:
        reason = " ".join(str(cause).split())[:200]
        raise InputError(
            f"The Hub did not take {repo_id} ({reason}): check the name, and log in with"
            " `hf auth login`."
        ) from cause


def model_page(card: dict[str, Any], repo_id: str, license: str | None = None) -> str:
    """Return the README.md of a network on the Hub, made from its card.

    >>> card = {"network": "unet", "in_channels": 1, "dims": 2, "size": 64, "method": "ucmt"}
    >>> card |= {"classes": ["background", "lesion"], "scores": {"dice": 0.8123}}
    >>> page = model_page(card, "me/lesions")
    >>> "| dice | 0.8123 |" in page, "background, lesion" in page
    (True, True)
    """
    named = [name for name in (card.get("method"), card.get("dataset")) if name]
    about = {
        "library_name": "ucmt-lite",
        "pipeline_tag": "image-segmentation",
        "tags": ["medical", "semi-supervised", *named],
        "license": license,
    }
    head = [f"{name}: {json.dumps(value)}" for name, value in about.items() if value]
    usage = (
        "```python\n"
        "from huggingface_hub import hf_hub_download\n"
        "from ucmt_lite.predict import load_segmenter\n\n"
        f'file = hf_hub_download("{repo_id}", "teacher.safetensors")\n'
        f'mask = load_segmenter(file).segment("{_EXAMPLES[card["dims"]]}")\n'
        "```"
    )
    parts = [
        "\n".join(["---", *head, "---"]),
        f"# {repo_id.rpartition('/')[2]}",
        _description(card),
        usage,
        _table("Scores", card.get("scores")),
        _table("Settings of the run", card.get("config")),
        "Not a medical device, and not for clinical use.",
    ]
    return "\n\n".join(part for part in parts if part) + "\n"


def _description(card: dict[str, Any]) -> str:
    """Return what a network does, and how it was trained where its card says so."""
    shape = "volumes" if card["dims"] == 3 else "images"
    sentence = (
        f"A network (`{card['network']}`) that segments {shape} with {card['in_channels']}"
        f" channel(s) into {', '.join(card['classes'])}."
    )
    if card.get("method") and card.get("dataset"):
        sentence += (
            f" It was trained by the method {card['method']} on {card['dataset']} with"
            " [ucmt-lite](https://github.com/ucmt-lite/ucmt-lite)."
        )
    if card.get("size"):
        sentence += f" Images are resized to {card['size']} x {card['size']} pixels for it."
    return sentence


def _table(title: str, values: Any) -> str:
    """Return the numbers and words under each name as a table; nothing where there are none."""
    rows = []
    for name, value in (values or {}).items():
        if isinstance(value, float):
            rows.append(f"| {name} | {value:.4g} |")
        elif isinstance(value, (bool, int, str)) and value != "":
            rows.append(f"| {name} | {value} |")
    if not rows:
        return ""
    return "\n".join([f"## {title}\n", "| name | value |", "|---|---|", *rows])


def _without_paths(card: dict[str, Any]) -> dict[str, Any]:
    """Return a card without the folder in which the data lay."""
    config = card.get("config")
    return {**card, "config": {**config, "data": ""}} if config else card


class _WithSoftmax(nn.Module):
    """A network that gives probabilities."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, x: Tensor) -> Tensor:
        """Return the softmax `B K *S` of the logits of images `B C *S`."""
        return self.net(x).softmax(dim=1)


def _check_packages() -> None:
    """Refuse to begin where a package of the extra `export` is missing."""
    try:
        import onnx  # noqa: F401
        import onnxruntime  # noqa: F401
        import onnxscript  # noqa: F401
    except ImportError as error:
        raise InputError(
            f'ONNX needs the package {error.name}: run pip install "ucmt-lite[export]".'
        ) from None


def _traced_sides(segmenter: Segmenter) -> list[int]:
    """Return the sides of the images that a network is traced with, multiples of its stride."""
    card = segmenter.card
    stride = getattr(segmenter.net, "stride", 1)
    if card["dims"] == 3:
        if not card.get("patch"):
            raise InputError(
                "The network's card has no 'patch', the window that the ONNX file is to take: put"
                " three sides into it."
            )
        return list(card["patch"])
    wanted = card.get("size") or _SIDE
    return [max(2, -(-wanted // stride)) * stride] * 2


def _random_images(count: int, channels: int, sides: Sequence[int]) -> Tensor:
    generator = torch.Generator().manual_seed(0)
    return torch.rand(count, channels, *sides, generator=generator) * 2 - 1


def _difference(net: nn.Module, path: Path, images: Tensor) -> float:
    """Return by how much the probabilities of an ONNX file and of torch differ at most."""
    import onnxruntime

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (probs,) = session.run(None, {"image": images.numpy()})
    with torch.inference_mode():
        expected = net(images)
    return float((torch.from_numpy(probs) - expected).abs().max())


def _rounding(net: nn.Module, images: Tensor) -> float:
    """Return by how much torch's probabilities in float32 differ from those in float64 at most."""
    with torch.inference_mode():
        exact = copy.deepcopy(net).double()(images.double())
        return float((net(images) - exact).abs().max())


@contextmanager
def _silently() -> Iterator[None]:
    """Hide what the exporter says of packages that these networks do not need."""
    logger = logging.getLogger("torch.onnx")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with warnings.catch_warnings():
            for kind in (DeprecationWarning, FutureWarning, UserWarning):
                warnings.simplefilter("ignore", kind)
            yield
    finally:
        logger.setLevel(level)
