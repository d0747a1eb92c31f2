"""Looking at images, predictions and training. Every picture carries a sentence that says what is on it.

Figures read traces and arrays, never torch. A name with `figure` makes a still picture; the same name without it, in
lessons, is the explorer that calls it.
"""
