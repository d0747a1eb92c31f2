"""Configurations, runs, grids, sweeps, and what can be said of many runs. Uses `explore` to draw,
and all below it.
"""
