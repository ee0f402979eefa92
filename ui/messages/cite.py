"""What to cite: the papers of the model and of the methods."""

TITLE = "What to cite"
SAYS = "Please cite the papers of the model and of the methods you use."
PAPERS = """\
- UniFormer: K. Li, Y. Wang, J. Zhang, P. Gao, G. Song, Y. Liu, H. Li, Y. Qiao, "UniFormer: Unifying
  Convolution and Self-attention for Visual Recognition", [arXiv 2201.09450](https://arxiv.org/abs/2201.09450)
- Effective receptive field: Luo et al., [arXiv 1701.04128](https://arxiv.org/abs/1701.04128)
- Attention rollout: Abnar and Zuidema, [arXiv 2005.00928](https://arxiv.org/abs/2005.00928)
- Integrated gradients: Sundararajan et al., [arXiv 1703.01365](https://arxiv.org/abs/1703.01365)
- Grad-CAM: Selvaraju et al., [arXiv 1610.02391](https://arxiv.org/abs/1610.02391)
- Deletion and insertion (RISE): Petsiuk et al., [arXiv 1806.07421](https://arxiv.org/abs/1806.07421)
- Sanity checks: Adebayo et al., [arXiv 1810.03292](https://arxiv.org/abs/1810.03292)
"""
