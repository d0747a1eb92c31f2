"""What explorers draw with: palette, pictures, stacks of images for the browser, and its
JavaScript. Uses `methods`, `training.traces`.
"""
