"""How far and how evenly every block and head reaches, over all queries, beside nulls."""

from analysis.profile.depth_profile import BlockProfile, DepthProfile, block_profile, depth_profile
from analysis.profile.nulls import ProfileWithNulls, profile_with_nulls

__all__ = [
    "BlockProfile",
    "DepthProfile",
    "ProfileWithNulls",
    "block_profile",
    "depth_profile",
    "profile_with_nulls",
]
