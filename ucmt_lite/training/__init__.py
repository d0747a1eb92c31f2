"""From a method and minibatches to trained networks, and a trace of how they got there.

Uses `methods`, `data`, `core`. What explorers read, `traces`, opens without torch.
"""
