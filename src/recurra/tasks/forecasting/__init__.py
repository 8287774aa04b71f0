"""Forecasting: a frame of series → quantiles for the steps ahead.

    model = Forecaster(horizon=12, freq="MS").fit(frame)    columns unique_id, ds, y; pandas, polars or pyarrow
    model.predict()                                         forecast, quantiles, and the naive forecasts beside them
    model.score(cv := model.cross_validate(frame, windows=3), frame)

Names are loaded when first used: the settings need no PyTorch.
"""

from recurra import lazy

__all__, __getattr__, __dir__ = lazy.names(
    __name__,
    {
        "config": "ForecastConfig SeriesConfig PRESETS settings",
        "forecaster": "Forecaster",
        "metrics": "coverage crps mae mase mse pinball seasonal_error smape",
    },
)
