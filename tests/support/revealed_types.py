"""What a type checker knows of calls of cyrnn; read by mypy and pyright, not run: test_types.py does."""

from __future__ import annotations

from typing import Any, assert_type

import numpy as np
from numpy.typing import NDArray

import cyrnn
from cyrnn import estimators, nn, onnx, plot
from cyrnn.calls import Packed

x32: NDArray[np.float32] = np.zeros((7, 2, 3), np.float32)
x64: NDArray[np.float64] = np.zeros((7, 2, 3))

# ---- layers ----
lstm = nn.LSTM(3, 5, num_layers=2)
wide = nn.LSTM(3, 5, dtype=np.float64)
gru = nn.GRU(3, 5)
rnn = nn.RNN(3, 5, nonlinearity="relu", dtype=np.dtype(np.float64))
assert_type(lstm, nn.LSTM[np.float32])
assert_type(wide, nn.LSTM[np.float64])
assert_type(rnn, nn.RNN[np.float64])
assert_type(lstm.double(), nn.LSTM[np.float64])
assert_type(lstm.eval(), nn.LSTM[np.float32])
assert_type(lstm.to("cpu"), nn.LSTM[np.float32])
assert_type(lstm.dtype, np.dtype[np.float32])
assert_type(lstm.hidden_size, int)
assert_type(lstm.batch_first, bool)

assert_type(lstm(x32), tuple[NDArray[np.float32], tuple[NDArray[np.float32], NDArray[np.float32]]])
assert_type(wide(x64), tuple[NDArray[np.float64], tuple[NDArray[np.float64], NDArray[np.float64]]])
assert_type(gru(x32, lengths=[7, 4]), tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(rnn(x64), tuple[NDArray[np.float64], NDArray[np.float64]])
output, (h_n, c_n) = lstm(x32)
assert_type(c_n, NDArray[np.float32])

assert_type(
    gru(x32, return_gates=True),
    tuple[NDArray[np.float32], NDArray[np.float32], list[dict[str, NDArray[np.float32]]]],
)
assert_type(lstm(x32, return_cells=True)[2], list[NDArray[np.float32]])
output, (h_n, c_n), gates, cells = lstm(x32, return_gates=True, return_cells=True)
assert_type(cells, list[NDArray[np.float32]])
assert_type(gates, list[dict[str, NDArray[np.float32]]])

# ---- streams ----
state = None
for frame in x32:
    output, state = lstm.step(frame, state)
assert_type(output, NDArray[np.float32])
assert_type(gru.step(x32[0], reset=[True, False]), tuple[NDArray[np.float32], NDArray[np.float32]])

# ---- training ----
output, state, tape = lstm.forward(x32, dropout_rng=0)
gradients = lstm.backward(tape, output, (None, c_n))
assert_type(gradients.input, NDArray[np.float32])
assert_type(gradients.hx, tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(gradients.weights, dict[str, NDArray[np.float32]])

# ---- weights ----
assert_type(lstm.state_dict(), dict[str, NDArray[np.float32]])
assert_type(lstm.weight_ih_l0, NDArray[np.float32])
assert_type(wide.weight_hr_l1_reverse, NDArray[np.float64])
lstm.weight_ih_l0 *= 2
lstm.load_state_dict(lstm.state_dict(), prefix="encoder.")
assert_type(nn.LSTM.from_torch(object()), nn.LSTM[np.float32])
assert_type(nn.from_torch(object()), Any)
assert_type(nn.from_state_dict({}, batch_first=True), Any)

# ---- integers ----
assert_type(lstm.quantize("int8"), nn.LSTM[np.float32])
assert_type(lstm.quantize(np.int16)(x32)[0], NDArray[np.float32])
assert_type(lstm.quantize("int8", calibrate=x32)[1].rms, float)
assert_type(nn.GRUCell(3, 5).quantize("int8").weight_ih_scale, NDArray[np.float32])
assert_type(cyrnn.pack({}, weights="int8"), Packed)

# ---- cells ----
assert_type(nn.LSTMCell(3, 5)(x32[0]), tuple[NDArray[np.float32], NDArray[np.float32]])
assert_type(nn.GRUCell(3, 5, dtype=np.float64)(x64[0]), NDArray[np.float64])
assert_type(nn.RNNCell(3, 5).weight_ih, NDArray[np.float32])

# ---- operators of ONNX ----
assert_type(onnx.gru(x32, x32, x32, linear_before_reset=1, clip=3.0), tuple[Any, Any])
assert_type(onnx.lstm(x32, x32, x32, P=x32, activations=["Sigmoid", "Tanh", "Relu"]), tuple[Any, Any, Any])
assert_type(onnx.RNN(x32, x32, direction="reverse", layout=1), onnx.RNN)

# ---- functions ----
linear, embedding = nn.Linear(3, 5), nn.Embedding(10, 3, dtype=np.float64)
assert_type(linear, nn.Linear[np.float32])
assert_type(embedding([[1, 2]], lengths=[1, 1]), NDArray[np.float64])
assert_type(linear(x32), NDArray[np.float32])
assert_type(linear.bias, NDArray[np.float32] | None)
assert_type(linear.double(), nn.Linear[np.float64])
assert_type(linear.backward(linear.forward(x32)[1], x32).input, NDArray[np.float32])
assert_type(embedding.backward(embedding.forward([1])[1], x64).weights, dict[str, NDArray[np.float64]])

assert_type(cyrnn.sigmoid(x32), NDArray[np.float32])
assert_type(cyrnn.sigmoid(x64), NDArray[np.float64])
assert_type(cyrnn.tanh(x32), NDArray[np.float32])
assert_type(cyrnn.softmax(x64), NDArray[np.float64])
assert_type(cyrnn.sigmoid(x32.astype(np.float16)), NDArray[np.float32])
assert_type(cyrnn.sigmoid(np.arange(3)), NDArray[np.float64])
assert_type(cyrnn.sigmoid(0.5), np.float64)
assert_type(cyrnn.sigmoid(np.float32(0.5)), np.float32)
assert_type(cyrnn.tanh([0.5, 1.0]), NDArray[np.float64])


def of_the_default_dtype(model: nn.LSTM) -> tuple[NDArray[np.float32], Any]:
    return model(x32)


class Mine(nn.GRU[np.float64]):
    def twice(self, x: NDArray[np.float64]) -> NDArray[np.float64]:
        output, _ = self(x)
        return output * 2


def test_of_a_subclass_in_float64() -> None:
    assert_type(Mine(3, 5, dtype=np.float64)(x64), tuple[NDArray[np.float64], NDArray[np.float64]])

# ---- pictures, whether matplotlib is installed or not ----
assert_type(plot.gates({"ft": x32}), NDArray[np.object_])
assert_type(plot.saturation({"ft": x32}), NDArray[np.object_])
assert_type(plot.weights(lstm), NDArray[np.object_])
assert_type(plot.state_gradients(rnn, x64, x64), NDArray[np.floating])

# ---- estimators, whether scikit-learn is installed or not ----
classifier = estimators.RecurrentClassifier(cell="gru").fit(x32, [0, 1])
assert_type(classifier.predict(x32), NDArray[Any])
assert_type(classifier.score(x32, [0, 1]), float)
assert_type(estimators.RecurrentForecaster().fit(x64).forecast(3), estimators.Forecast)
