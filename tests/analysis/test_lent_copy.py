"""What a visitor does with a model that is lent to them never reaches another visitor's."""

import pytest
import torch
from torch import nn

from analysis.core.lent_copy import lent_copy
from uniformer import create_model, optimize_for_inference


@pytest.fixture(params=("nano", "nano optimized", "small-cls", "xxs-cls"))
def model(request):
    name, _, optimized = request.param.partition(" ")
    model = create_model(name, weights="default" if name == "nano" else None).eval()
    return optimize_for_inference(model) if optimized else model


def reachable_modules(root):
    """Return the modules that are found in attributes of modules, within plain data too."""
    found, to_do = {}, [root]
    while to_do:
        here = to_do.pop()
        if isinstance(here, nn.Module):
            if id(here) not in found:
                found[id(here)] = here
                to_do += vars(here).values()
        elif isinstance(here, dict):
            to_do += here.values()
        elif isinstance(here, list | tuple | set):
            to_do += here
    return found


def test_no_module_is_in_two_copies(model):
    copies = [reachable_modules(each) for each in (model, lent_copy(model), lent_copy(model))]
    assert len({len(each) for each in copies}) == 1
    assert len(set().union(*copies)) == sum(len(each) for each in copies)


def test_a_copy_has_the_same_weights_and_answers(model):
    copy = lent_copy(model)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        torch.testing.assert_close(copy(x), model(x), rtol=0, atol=0)
    for mine, theirs in zip(copy.state_dict().items(), model.state_dict().items(), strict=True):
        assert mine[0] == theirs[0]
        assert mine[1].data_ptr() == theirs[1].data_ptr()


def test_what_is_done_to_a_copy_stays_there(model):
    copy, other = lent_copy(model), lent_copy(model)
    x = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = other(x)
    for parameter in copy.parameters():
        assert not parameter.requires_grad
        parameter.requires_grad_(parameter.is_floating_point())
    for module in copy.modules():
        module.register_forward_hook(lambda module, given, result: result * 0)
        module.window_size = 3
    copy.train()
    assert not any(each.training or each._forward_hooks for each in other.modules())
    assert not any(each.requires_grad for each in other.parameters())
    with torch.inference_mode():
        torch.testing.assert_close(other(x), before, rtol=0, atol=0)
        torch.testing.assert_close(lent_copy(model)(x), before, rtol=0, atol=0)
