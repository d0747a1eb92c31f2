"""The plain baseline: what a public reference does step by step, written anew for timing.

Per-sample Pillow views from files in a `DataLoader` with two workers, a forward pass for each group
of images, one optimiser a student, mixing by unfold and a Python loop, the teacher by a Python loop
over parameters, float32. Nothing in `ucmt_lite` uses it. `benchmarks.checks` holds it against the
kit before anything is timed: a wrong baseline is none.
"""
