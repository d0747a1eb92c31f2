"""The lessons: their notebooks built, run and checked, and the checks of their exercises.

Uses `training` and below. `build` is what `ucmt-lite course` calls, `checks` what lessons import.
"""
