"""Video: what a clip shows, and the frames that come next.

    VideoClassifier().fit(clips, labels).predict(more)     one label a clip, or several
    FramePredictor().fit(clips).predict(beginnings)        the next frames, as an array
    clips                                                  arrays, folders of images, video files

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "ClassifierConfig ClipsConfig NetworkConfig PredictorConfig",
        "clips": "read_clips",
        "labels": "read_labels",
        "writing": "write_frames",
        "measure": "mse ssim",
        "moving": "moving_digits",
        "classifier": "VideoClassifier",
        "predictor": "FramePredictor",
        "runs": "load",
        "model": "ClipClassifier FrameForecaster",
    },
)
