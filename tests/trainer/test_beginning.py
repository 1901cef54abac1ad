import dataclasses
import struct

import numpy as np
import pytest
import torch

from engine import pixels
from engine.errors import ConfigError
from trainer.batches import Head, examples
from trainer.beginning import begin, check
from trainer.convnet import ConvNet
from trainer.dlibfile import read_recogniser
from trainer.facenets import BLOCKS
from trainer.faceset import open_faces
from trainer.fit import Fit
from trainer.nets import NETS
from trainer.release import Options, release_run

HEADS = (Head("ferplus", ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")),)


def number(value: int) -> bytes:
    size = max(1, (value.bit_length() + 7) // 8)
    return bytes([size]) + value.to_bytes(size, "little")


def tensor(values: np.ndarray) -> bytes:
    return number(2) + number(len(values)) + 3 * number(1) + values.astype("<f4").tobytes()


@pytest.fixture(scope="module")
def invented() -> list[tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Weights, biases and affine values of a recogniser's convolutions, as dlib keeps them."""
    generator = np.random.default_rng(3)
    shapes = [(32, 3, 7)] + [
        shape for inputs, outputs, _ in BLOCKS for shape in ((outputs, inputs, 3), (outputs, outputs, 3))
    ]
    layers = []
    for outputs, inputs, side in shapes:
        weight = generator.normal(0, (2 / (inputs * side**2)) ** 0.5, (outputs, inputs, side, side))
        affine = np.concatenate([generator.uniform(0.5, 1.5, outputs), generator.normal(0, 0.1, outputs)])
        layers.append((weight.astype("f4"), generator.normal(0, 0.1, outputs).astype("f4"), affine.astype("f4")))
    return layers


@pytest.fixture(scope="module")
def dat(tmp_path_factory, invented):
    path = tmp_path_factory.mktemp("dlib") / "recogniser.dat"
    body = b"".join(tensor(np.concatenate([w.ravel(), b])) + b"\x00con" + tensor(a) for w, b, a in invented)
    path.write_bytes(bytes(200) + body + b"\x00end" + tensor(np.zeros(256 * 128, "f4")))
    return path


def dlib_answer(invented, pixels_rgb: np.ndarray, blocks: int) -> np.ndarray:
    """What the layers as dlib defines them compute for one picture, `(3, H, W)` of 0..255."""
    means = torch.tensor([122.782, 117.001, 104.298]).view(3, 1, 1)
    layers = [tuple(torch.from_numpy(each) for each in layer) for layer in invented]

    def layer(place: int, values, stride: int = 1):
        weight, bias, affine = layers[place]
        padding = weight.shape[-1] // 2 if stride == 1 else 0
        scale, shift = affine.chunk(2)
        out = torch.nn.functional.conv2d(values, weight, bias, stride, padding)
        return out * scale.view(-1, 1, 1) + shift.view(-1, 1, 1)

    values = ((torch.from_numpy(pixels_rgb.astype("f4")) - means) / 256)[None]
    values = torch.nn.functional.max_pool2d(torch.relu(layer(0, values, 2)), 3, 2)
    for number_, (inputs, outputs, stride) in enumerate(BLOCKS[:blocks]):
        changed = layer(2 + 2 * number_, torch.relu(layer(1 + 2 * number_, values, stride)))
        if stride == 2:
            kept = torch.nn.functional.avg_pool2d(values, 2)
            size = [max(a, b) for a, b in zip(kept.shape[2:], changed.shape[2:], strict=True)]
            total = torch.zeros(1, outputs, *size)
            total[:, :inputs, : kept.shape[2], : kept.shape[3]] += kept
            total[:, :, : changed.shape[2], : changed.shape[3]] += changed
        else:
            total = changed + values
        values = torch.relu(total)
    return values.numpy()


@pytest.mark.parametrize(
    ("net", "blocks", "side"), [("face-1.7m", 10, 96), ("face-1.7m", 10, 112), ("face-5.6m", 14, 112)]
)
def test_dlib_features_of_gray_pixels_are_kept(dat, invented, recipe, net, blocks, side):
    config = dataclasses.replace(recipe, net=net, size=side, init=str(dat))
    image = np.random.default_rng(0).integers(0, 256, (side, side)).astype(np.uint8)
    batch = torch.from_numpy(pixels.to_tensor([image], config.input))
    own = NETS[net](1, 8)
    begin(own, config, HEADS, [batch, batch.flip(3)])
    with torch.no_grad():
        features = own[: 1 + blocks](batch).numpy()
    expected = dlib_answer(invented, np.stack([image] * 3), blocks)
    assert features == pytest.approx(expected, abs=float(2e-3 * np.abs(expected).max()))


def test_batch_statistics_are_those_of_the_faces(dat, recipe):
    config = dataclasses.replace(recipe, net="face-1.7m", size=64, init=str(dat))
    batch = torch.randn(4, 1, 64, 64)
    net = NETS["face-1.7m"](1, 8)
    begin(net, config, HEADS, [batch])
    stem = net[0][0]
    with torch.no_grad():
        seen = stem[0](batch)
    assert stem[1].running_mean.numpy() == pytest.approx(seen.mean((0, 2, 3)).numpy(), abs=1e-4)


def test_a_run_exported_and_taken_up_again_says_the_same(tmp_path, data, recipe):
    config = dataclasses.replace(recipe, labels=("ferplus",), epochs=1)
    faces = open_faces(data)
    Fit(config, examples(faces, config), tmp_path / "run").run()
    release_run(tmp_path / "run", faces, tmp_path / "first.onnx")
    again = dataclasses.replace(config, init=str(tmp_path / "first.onnx"), mean=0.4, std=0.5)
    net = NETS["tiny"](1, 8)
    looks = torch.from_numpy(pixels.to_tensor(list(faces.aligned[:32]), again.input))
    begin(net, again, HEADS, [looks])
    with torch.no_grad():
        said = net.eval()(looks).numpy()
    first = ConvNet.open(tmp_path / "run").logits(np.asarray(faces.aligned[:32]))
    assert (said.argmax(1) == first.argmax(1)).mean() > 0.9


def test_a_file_in_half_precision_is_a_beginning_too(tmp_path, data, recipe):
    config = dataclasses.replace(recipe, labels=("ferplus",), epochs=1)
    faces = open_faces(data)
    Fit(config, examples(faces, config), tmp_path / "run").run()
    release_run(tmp_path / "run", faces, tmp_path / "first.onnx", Options(fp16=True))
    nets = []
    for name in ("first", "first-fp16"):
        net = NETS["tiny"](1, 8)
        torch.manual_seed(0)
        begin(net, dataclasses.replace(config, init=str(tmp_path / f"{name}.onnx")), HEADS, [torch.randn(4, 1, 48, 48)])
        nets.append(net)
    for one, other in zip(nets[0].parameters(), nets[1].parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-2, atol=1e-2)


def test_rows_of_the_last_layer_follow_their_labels(tmp_path, data, recipe):
    config = dataclasses.replace(recipe, labels=("ferplus",), epochs=1)
    faces = open_faces(data)
    Fit(config, examples(faces, config), tmp_path / "run").run()
    release_run(tmp_path / "run", faces, tmp_path / "first.onnx")
    head = Head("own", ("bored", "fear", "happiness"))
    net = NETS["tiny"](1, 3)
    untouched = net[-1].weight[0].clone()
    begin(net, dataclasses.replace(config, init=str(tmp_path / "first.onnx")), (head,), [torch.randn(4, 1, 48, 48)])
    trained = ConvNet.open(tmp_path / "run").net[-1]
    assert net[-1].weight[1].tolist() == pytest.approx(trained.weight[6].tolist(), abs=1e-6)
    assert net[-1].weight[2].tolist() == pytest.approx(trained.weight[1].tolist(), abs=1e-6)
    assert net[-1].weight[0].tolist() == untouched.tolist()


def test_another_network_is_refused_by_the_first_convolution_that_differs(dat, recipe):
    config = dataclasses.replace(recipe, net="tiny", init=str(dat))
    with pytest.raises(ConfigError, match="convolution 1 is 32x1x7x7 there, 4x1x3x3 here"):
        begin(NETS["tiny"](1, 8), config, HEADS, [torch.randn(2, 1, 48, 48)])


@pytest.mark.parametrize(
    ("init", "why"),
    [
        ("nowhere.dat", "'nowhere.dat' does not exist; it comes with the package"),
        ("nowhere.onnx", "'nowhere.onnx' is neither a run folder, an exported model nor dlib's"),
        ("emotion-fre", "did you mean 'emotion-fer'"),
        ("retinaface-mnet025", "for face-detection"),
    ],
)
def test_what_is_not_there_is_named_before_any_work(recipe, init, why):
    with pytest.raises(ConfigError, match=why):
        check(init)


def test_a_beginning_that_does_not_fit_leaves_no_run_behind(tmp_path, data, recipe):
    faces = open_faces(data)
    for init in ("emotion-fer2013", "emotion-fer-int8"):
        config = dataclasses.replace(recipe, init=init)
        with pytest.raises(ConfigError, match="init: "):
            Fit(config, examples(faces, config), tmp_path / "run").run()
        assert not (tmp_path / "run" / "config.yaml").exists()


@pytest.mark.parametrize("content", [b"", b"no network at all" * 100, struct.pack("<I", 2) * 4000])
def test_a_file_that_is_not_the_recogniser_is_refused(tmp_path, content):
    (tmp_path / "other.dat").write_bytes(content)
    with pytest.raises(ConfigError, match="is not dlib's face recogniser"):
        read_recogniser(tmp_path / "other.dat", 0.5, 0.25)
