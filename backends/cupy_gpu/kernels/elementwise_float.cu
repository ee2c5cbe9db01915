// What is for floating-point numbers only: derivatives, and batch normalisation.
#include "activations.cuh"

// At a kink what autograd systems take: 0 for ReLU at 0, the inside for a clip.
__device__ inline A slope_of(int name, A x, Options o) {
    const A first = static_cast<A>(o.first), second = static_cast<A>(o.second);
    switch (name) {
    case RELU: return x <= 0 ? A(0) : A(1);
    case LEAKY_RELU: return x > 0 ? A(1) : first;
    case CLIP: return x >= first && x <= second ? A(1) : A(0);
    case ELU: return x <= 0 ? first * exp(x) : A(1);
    case SIGMOID: {
        const A y = sigmoid_of(x);
        return y * (1 - y);
    }
    case TANH: {
        const A y = tanh(x);
        return 1 - y * y;
    }
    case SILU: {
        const A y = sigmoid_of(x);
        return y * (1 + x * (1 - y));
    }
    case GELU: return cdf_of(x) + x * pdf_of(x);
    case GELU_TANH: {
        const A t = tanh_of_cubic(x);
        const A inner = A(CUBIC_SCALE) * (1 + 3 * A(CUBIC) * x * x);
        return (1 + t) / 2 + x * (1 - t * t) * inner / 2;
    }
    case HARD_SIGMOID: return x > -3 && x < 3 ? A(1) / 6 : A(0);
    case HARD_SWISH: return x <= -3 ? A(0) : x < 3 ? x / 3 + A(0.5) : A(1);
    default: {
        const A z = x * first;
        return z > second ? A(1) : sigmoid_of(z);
    }
    }
}

// Gradients of a batch may share the x of one sample: `period` is its size.
extern "C" __global__ void activation_grad(
    const T* __restrict__ grad, const T* __restrict__ x, T* __restrict__ result,
    long long total, long long period, int name, Options options) {
    const I flat = flat_thread();
    if (flat >= total) return;
    const I place = period ? flat % static_cast<I>(period) : flat;
    const A slope = slope_of(name, widened(x[place]), options);
    result[flat] = Rounded<T>::of(widened(grad[flat]) * slope);
}

// (x - mean) / sqrt(var + eps) * weight + bias per channel, bias and mean or neither.
extern "C" __global__ void batch_norm(
    const T* __restrict__ x, const T* __restrict__ mean, const T* __restrict__ var,
    const T* __restrict__ weight, const T* __restrict__ bias, T* __restrict__ y,
    long long total, Divisor area, Divisor channels, double eps) {
    const I flat = flat_thread();
    if (flat >= total) return;
    I plane = divided(flat, area);
    const int c = split(plane, channels);
    const A scale = widened(weight[c]) / sqrt(widened(var[c]) + static_cast<A>(eps));
    const A value = widened(x[flat]);
    y[flat] = Rounded<T>::of(
        mean == nullptr ? value * scale
                        : (value - widened(mean[c])) * scale + widened(bias[c]));
}
