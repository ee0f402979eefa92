"""Networks whose receptive fields can be compared, behind one small protocol.

UniFormer in its reaches, and its peers from timm and transformers; both are imported only when one
of theirs is asked for.
"""

from __future__ import annotations

from analysis.receptive_field.networks.network import Level, Network
from analysis.receptive_field.networks.segformer import segformer_network
from analysis.receptive_field.networks.timm_networks import TIMM_NETWORKS, timm_network
from analysis.receptive_field.networks.uniformers import NetworkReach, uniformer_network

__all__ = ["PEERS", "Level", "Network", "NetworkReach", "peer_network", "uniformer_network"]

PEERS = (*TIMM_NETWORKS, "segformer-b0")


def peer_network(name: str, size_px: tuple[int, int], weights: str | None = "default") -> Network:
    """Return the network called ``name``, one of :data:`PEERS`, for pictures of ``size_px``.

    ``weights`` is ``"default"`` (downloaded, or random if that fails), None (random) or a path;
    what they are is in the result. Sides must be multiples of 32. Raises
    :class:`analysis.core.errors.AnalysisError` for a network that cannot be made.
    """
    if name == "segformer-b0":
        return segformer_network(size_px, weights)
    return timm_network(name, size_px, weights)
