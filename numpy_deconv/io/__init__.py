"""Files in and out: weights, model files and pictures.

Nothing is imported here, so that a program which reads one format pays for one format::

    from numpy_deconv.io.weights import read_weights
    from numpy_deconv.io.images import read_image
"""
