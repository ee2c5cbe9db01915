// Winograd's filtering F(4x4, 3x3), Lavin & Gray 2015, points 0, 1, -1, 2, -2, infinity:
//   weight (K, C, 3, 3) -> U (36, K, C)     x -> V (36, C, tiles)
//   M = U @ V, a product of matrices each   M (36, K, tiles) -> y
// A tile is 4x4 results of one image; it reads 6x6 samples. Tiles are taken together
// across images, so many at a time that V and M stay in the cache.
#include "prelude.cuh"

struct Tiles {
    Divisor across, down;  // tiles of an image, per axis
    long long first;       // of the tiles that are taken together: its number of all
    int channels, height, width, top, left, results, result_height, result_width;
    int flipped;           // an input gradient: (C, K, 3, 3), taps in reverse
    int unused;
    double low, high;
};
static_assert(sizeof(Tiles) == 96, "winograd.py packs the same struct");

struct alignas(sizeof(T) * 4 > 16 ? 16 : sizeof(T) * 4) Four {
    T v[4];
};

template <class V>
__device__ inline void input_line(const V (&d)[6], V (&out)[6]) {
    out[0] = 4 * d[0] - 5 * d[2] + d[4];
    const V even = d[4] - 4 * d[2], odd = d[3] - 4 * d[1];
    out[1] = even + odd;
    out[2] = even - odd;
    const V outer = d[4] - d[2], twice = 2 * (d[3] - d[1]);
    out[3] = outer + twice;
    out[4] = outer - twice;
    out[5] = 4 * d[1] - 5 * d[3] + d[5];
}

template <class V>
__device__ inline void filter_line(const V (&g)[3], V (&out)[6]) {
    const V ends = g[0] + g[2], far = g[0] / 24 + g[2] / 6, half_way = g[1] / 12;
    out[0] = g[0] / 4;
    out[1] = -(ends + g[1]) / 6;
    out[2] = -(ends - g[1]) / 6;
    out[3] = far + half_way;
    out[4] = far - half_way;
    out[5] = g[2];
}

template <class V>
__device__ inline void output_line(const V (&m)[6], V (&out)[4]) {
    const V near = m[1] + m[2], step = m[1] - m[2];
    const V far = m[3] + m[4], jump = m[3] - m[4];
    out[0] = m[0] + near + far;
    out[1] = step + 2 * jump;
    out[2] = near + 4 * far;
    out[3] = step + 8 * jump + m[5];
}

extern "C" __global__ void transform_weight(
    const T* __restrict__ weight, A* __restrict__ u, long long total, Tiles p) {
    const I flat = flat_thread();  // (k, c)
    if (flat >= total) return;
    const I k = flat / p.channels, c = flat % p.channels;
    const T* own = weight + 9 * (p.flipped ? c * p.results + k : flat);
    A lines[3][6];
#pragma unroll
    for (int column = 0; column < 3; ++column) {
        A g[3];
#pragma unroll
        for (int row = 0; row < 3; ++row) {
            const int tap = row * 3 + column;
            g[row] = widened(own[p.flipped ? 8 - tap : tap]);
        }
        filter_line(g, lines[column]);
    }
#pragma unroll
    for (int row = 0; row < 6; ++row) {
        const A g[3] = {lines[0][row], lines[1][row], lines[2][row]};
        A out[6];
        filter_line(g, out);
#pragma unroll
        for (int column = 0; column < 6; ++column)
            u[(row * 6 + column) * static_cast<I>(total) + flat] = out[column];
    }
}

extern "C" __global__ void transform_input(
    const T* __restrict__ x, A* __restrict__ v, long long total, Divisor count, Tiles p) {
    I channel = flat_thread();  // (c, tile)
    if (channel >= total) return;
    const I flat = channel;
    channel = divided(flat, count);
    I image = flat - channel * static_cast<I>(count.value) + static_cast<I>(p.first);
    const int column = split(image, p.across) * 4 - p.left;
    const int row = split(image, p.down) * 4 - p.top;
    const T* own = x + (image * p.channels + channel) * p.height * p.width;
    A lines[6][6];
#pragma unroll
    for (int i = 0; i < 6; ++i) {
        A d[6];
        const bool within = static_cast<unsigned>(row + i) < static_cast<unsigned>(p.height);
#pragma unroll
        for (int j = 0; j < 6; ++j) {
            const bool here =
                within && static_cast<unsigned>(column + j) < static_cast<unsigned>(p.width);
            d[j] = here ? A(widened(own[static_cast<I>(row + i) * p.width + column + j])) : A(0);
        }
        input_line(d, lines[i]);
    }
#pragma unroll
    for (int j = 0; j < 6; ++j) {
        A d[6], out[6];
#pragma unroll
        for (int i = 0; i < 6; ++i) d[i] = lines[i][j];
        input_line(d, out);
#pragma unroll
        for (int i = 0; i < 6; ++i) v[(i * 6 + j) * static_cast<I>(total) + flat] = out[i];
    }
}

extern "C" __global__ void transform_output(
    const A* __restrict__ m, const T* __restrict__ bias, const T* __restrict__ where,
    T* __restrict__ y, long long total, Divisor count, Tiles p) {
    I filter = flat_thread();  // (k, tile)
    if (filter >= total) return;
    const I flat = filter;
    filter = divided(flat, count);
    I image = flat - filter * static_cast<I>(count.value) + static_cast<I>(p.first);
    const int column = split(image, p.across) * 4, row = split(image, p.down) * 4;
    const I own = (image * p.results + filter) * p.result_height * p.result_width;
    A lines[6][4];
#pragma unroll
    for (int j = 0; j < 6; ++j) {
        A each[6];
#pragma unroll
        for (int i = 0; i < 6; ++i) each[i] = m[(i * 6 + j) * static_cast<I>(total) + flat];
        output_line(each, lines[j]);
    }
    const A start = bias == nullptr ? A(0) : A(widened(bias[filter]));
    const A low = static_cast<A>(p.low), high = static_cast<A>(p.high);
    const bool whole = p.result_width % 4 == 0;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
        if (row + i >= p.result_height) break;
        A each[6], out[4];
#pragma unroll
        for (int j = 0; j < 6; ++j) each[j] = lines[j][i];
        output_line(each, out);
        const I line = own + static_cast<I>(row + i) * p.result_width + column;
        Four four;
#pragma unroll
        for (int j = 0; j < 4; ++j) {
            A value = out[j] + start;
            if (value < low) value = low;  // NaN stays
            if (value > high) value = high;
            const bool there = whole || column + j < p.result_width;
            four.v[j] = Rounded<T>::of(let_through(value, there ? where : nullptr, line + j));
        }
        if (whole) {
            *reinterpret_cast<Four*>(y + line) = four;
            continue;
        }
#pragma unroll
        for (int j = 0; j < 4; ++j)
            if (column + j < p.result_width) y[line + j] = four.v[j];
    }
}
