"""Intervals for a model fitted by maximum a posteriori: the posterior as a normal distribution around it (Laplace).

Gelman et al., Bayesian Data Analysis, 3rd edition, section 4.1. The parameters are positive, so it is their logarithms that are
taken for normal; the curvature comes from differences of PyMC's gradient.
"""

import arviz as az
import numpy as np
from pymc_marketing.clv.models.basic import CLVModel

from lakehouse.errors import LakeError

DRAWS = 300
STEP = 1e-3


def around_the_mode(model: CLVModel, seed: int, draws: int = DRAWS) -> CLVModel:
    """The fitted model with draws in place of its one point, so that what it predicts has a distribution. LakeError naming its
    parameters where the customers do not tell them apart."""
    names = [variable.name for variable in model.model.free_RVs]
    mode = np.log([float(model.idata.posterior[name].mean()) for name in names])
    covariance = _covariance(model, names, mode)
    sampled = np.exp(np.random.default_rng(seed).multivariate_normal(mode, covariance, draws))
    model.idata = az.from_dict(posterior={name: sampled[None, :, place] for place, name in enumerate(names)})
    return model


def _covariance(model: CLVModel, names: list[str], mode: np.ndarray) -> np.ndarray:
    precision = -_curvature(model, names, mode)
    try:
        # Only a peak has such a root: a ridge or a slope has no normal distribution around it.
        np.linalg.cholesky(precision)
        return np.linalg.inv(precision)
    except np.linalg.LinAlgError:
        what = f"{', '.join(names)} of {type(model).__name__}"
        raise LakeError(f"{len(model.data):,} customers do not tell {what} apart: a longer history does") from None


def _curvature(model: CLVModel, names: list[str], mode: np.ndarray) -> np.ndarray:
    """Second derivatives of the log posterior by the logarithms of the parameters, at the mode."""
    gradient = model.model.compile_dlogp(jacobian=False)

    def slope(at: np.ndarray) -> np.ndarray:
        return gradient({f"{name}_log__": np.asarray(value) for name, value in zip(names, at, strict=True)})

    steps = np.eye(len(mode)) * STEP
    found = np.array([(slope(mode + step) - slope(mode - step)) / (2 * STEP) for step in steps])
    return (found + found.T) / 2
