"""Making products again from their embeddings: what a variational autoencoder learns by, without any labels."""

from typing import cast

from torch import Tensor, nn

from sosie.encoders.networks.vae import Vae, negative_elbo, warmed_up
from sosie.errors import TrainingError
from sosie.train.inputs import Tensors
from sosie.train.learner import Batch, Learner
from sosie.train.picture_networks import OfPixels
from sosie.train.text_networks import OfTokens


def cost_of_rebuilding(learner: Learner, batch: Batch) -> Tensor:
    """The negative evidence bound of products as they are, made again from what augmentation left of them.

    Denoising: Im et al., "Denoising criterion for variational auto-encoding", 2017. The divergence counts in full once
    the warm-up is over. Raises TrainingError where the network makes nothing again.
    """
    network = inner(learner.network)
    if not isinstance(network, Vae):
        raise TrainingError(
            "rebuild: only a variational autoencoder makes products again from embeddings: vae, text-vae."
        )
    seen, wanted = learner.learning(batch), learner.inputs.plain(batch.fetched)
    beta = warmed_up(learner.recipe.beta, batch.step, learner.warm)
    return negative_elbo(network, _read(seen), beta, _read(wanted))


def inner(network: nn.Module) -> nn.Module:
    """The network itself, whoever calls it."""
    return network.network if isinstance(network, OfTokens | OfPixels) else network


def _read(tensors: Tensors) -> Tensor:
    if "tokens" in tensors:
        return cast(Tensor, tensors["tokens"] * tensors["mask"])
    return cast(Tensor, tensors["pixels"])
