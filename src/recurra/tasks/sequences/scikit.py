"""What the estimators use of scikit-learn, an extra: without it, one line says how to install it."""

from recurra.errors import ConfigError

try:
    from sklearn.base import BaseEstimator, ClassifierMixin, RegressorMixin
    from sklearn.utils.multiclass import check_classification_targets
    from sklearn.utils.validation import check_array, column_or_1d
except ImportError as error:
    raise ConfigError("scikit-learn is missing. Install it: pip install 'recurra[classify]'") from error

__all__ = [
    "BaseEstimator",
    "ClassifierMixin",
    "RegressorMixin",
    "check_array",
    "check_classification_targets",
    "column_or_1d",
]
