"""Semi-supervised medical image segmentation, one paper a file: Mean Teacher, CPC, GCT, CPS, CMT, UMIX and UCMT."""

__version__ = "0.1.0"
