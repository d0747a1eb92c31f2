"""The lessons: building, running and checking notebooks, and the checks of their exercises. Uses
`training` and below.
"""
