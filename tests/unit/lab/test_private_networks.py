"""DP-SGD on many networks at once: clipped sums against torch's own gradients, and the bounds."""

import math

import pytest

from safelight.errors import InputError
from safelight.lab.privacy import best_true_positive_rate, privacy_rows
from safelight.lab.private_networks import CLIP, Budget, clipped_sums, noise_multiplier
from safelight.lab.shadow_models import Networks

torch = pytest.importorskip("torch")


def test_clipped_sums_are_sums_of_each_records_clipped_gradient() -> None:
    models, records, features = 2, 5, 7
    network = Networks(torch, models, features, seed=0)
    generator = torch.Generator().manual_seed(1)
    x = 3 * torch.randn((models, records, features), generator=generator)
    y = (torch.rand((models, records), generator=generator) > 0.5).float()
    counted = torch.ones(models, records)
    counted[1, 3:] = 0  # filling
    found = clipped_sums(torch, network, x, y, counted)
    wanted = [torch.zeros_like(weight) for weight in network.weights]
    clipped = 0
    for model in range(models):
        for record in range(records):
            logits = network(x[:, record : record + 1])[model, 0]
            loss = torch.nn.functional.binary_cross_entropy_with_logits(logits, y[model, record])
            own = [g[model] for g in torch.autograd.grad(loss, network.weights)]
            norm = math.sqrt(sum(float((g**2).sum()) for g in own))
            clipped += norm > CLIP
            for total, gradient in zip(wanted, own, strict=True):
                total[model] += counted[model, record] * min(1.0, CLIP / norm) * gradient
    assert clipped > 0
    for one, other in zip(found, wanted, strict=True):
        assert one.shape == other.shape
        assert torch.allclose(one, other, atol=1e-5)


def test_more_noise_for_less_epsilon_and_the_noise_is_as_accounted() -> None:
    pytest.importorskip("opacus")
    noises = [noise_multiplier(Budget(e, 1e-4, 10), 0.1, 100) for e in (8.0, 3.0, 1.0)]
    assert noises == sorted(noises)
    with pytest.raises(InputError, match="promise nothing"):
        noise_multiplier(Budget(0.0, 1e-4, 10), 0.1, 100)


def test_the_bound_on_any_attacker() -> None:
    assert best_true_positive_rate(0.0, 0.0, 0.01) == pytest.approx(0.01)
    assert best_true_positive_rate(1.0, 0.0, 0.01) == pytest.approx(math.e / 100)
    # where e^ε times the rate passes 1, the other side of the region holds
    assert best_true_positive_rate(3.0, 0.0, 0.5) == pytest.approx(1 - math.exp(-3) / 2)
    assert 0.99 < best_true_positive_rate(8.0, 1e-4, 0.01) < 1


def test_budgets_that_promise_nothing_are_refused() -> None:
    for epsilons in ((), (0.0,), (math.nan,)):
        with pytest.raises(InputError, match="above 0"):
            next(privacy_rows(epsilons=epsilons))
