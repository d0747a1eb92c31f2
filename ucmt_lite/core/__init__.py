"""The terms of the equations: minibatches, losses, uncertainty, mixes, the teacher's average. Uses
`common`.
"""
