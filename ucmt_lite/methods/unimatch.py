"""Yang, Qi, Feng, Zhang & Shi: Revisiting weak-to-strong consistency in semi-supervised semantic
segmentation (UniMatch). CVPR 2023, arXiv 2208.09910.
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from ucmt_lite.common import InputError
from ucmt_lite.core.across import boxmix
from ucmt_lite.core.batch import Batch, Clock, jointly
from ucmt_lite.core.losses import masked_loss, pseudo_label, segmentation_loss
from ucmt_lite.core.uncertainty import confidence


def unimatch(
    nets,
    batch: Batch,
    clock: Clock,
    minimize: Callable,
    *,
    loss: Callable = segmentation_loss,
    weight: float = 1.0,
    threshold: float = 0.95,
    feature_dropout: float = 0.5,
    forward: Callable = jointly,
) -> None:
    r"""One iteration of UniMatch: FixMatch with two strong views, in which boxes come from other
    images, and with the weak view's features thinned out (Yang et al. 2023).

    .. math:: L = \ell(s(x_1), y) + w\, r \Big(\tfrac{1}{4} \sum_{i=1,2}
              \ell_{c_i(m)}\big(s(c_i(u_i)), c_i(\hat y)\big)
              + \tfrac{1}{2} \ell_m\big(d(h(u)), \hat y\big)\Big)

    where :math:`\hat y` and m are the labels and the sure pixels of s(u), c_1 and c_2 are two draws
    of `boxmix`, h gives the encoder's features, each with half of its channels set to 0, and d is
    the decoder. Networks: `student1` receives the gradient and predicts; no gradient passes the
    pseudo label. r is the ramp-up. Errors: InputError for a network without encoder and decoder.

    Paper / reference code / here
        - Reference (its medical part): the whole sum is halved, the loss of pixels that count is
          Dice. Here the supervised term has weight 1 and half of each loss is cross-entropy.
        - A box that is longer than the image is cut in the kit, drawn anew in the reference.
        - The other image: the one before in the minibatch here, one of a second minibatch there.
        - Ramp-up: none in the paper; here the one of every method.
    """
    student = nets.student1

    with torch.no_grad():
        (weak_u,) = forward(student, batch.u)
    torch.clear_autocast_cache()  # else torch < 2.11 reuses rounded weights that have no gradient
    y_u, sure = pseudo_label(weak_u), confidence(weak_u) >= threshold

    # Two strong views, each with boxes from other images; labels and their certainty move alike
    mix1, mix2 = boxmix(y_u), boxmix(y_u)
    s_x, s_u1, s_u2 = forward(student, batch.x1, mix1(batch.u1), mix2(batch.u2))
    thinned_u = thin_features(student, batch.u, feature_dropout)

    w = weight * clock.ramp
    minimize(
        sup=loss(s_x, batch.y),
        strong1=w / 4 * masked_loss(s_u1, mix1(y_u), mix1(sure)),
        strong2=w / 4 * masked_loss(s_u2, mix2(y_u), mix2(sure)),
        features=w / 2 * masked_loss(thinned_u, y_u, sure),
    )


def thin_features(net: nn.Module, image: Tensor, rate: float) -> Tensor:
    """The logits of features of which a random part of the channels is 0: `B C *S` -> `B K *S`.

    The network has an `encoder`, whose features are a list, one map a level, and a `decoder`. The
    decoder's logits are enlarged where they are smaller than the image, as in DeepLabv3+.
    """
    encoder, decoder = getattr(net, "encoder", None), getattr(net, "decoder", None)
    if encoder is None or decoder is None:
        raise InputError(
            "UniMatch thins out the features of an encoder, which this network does not show: take"
            " a network of the kit, in one process."
        )
    thin = F.dropout3d if image.dim() == 5 else F.dropout2d
    logits = decoder([thin(features, rate) for features in encoder(image)])
    if logits.shape[2:] == image.shape[2:]:
        return logits
    return F.interpolate(logits, image.shape[2:], mode="bilinear", align_corners=False)
