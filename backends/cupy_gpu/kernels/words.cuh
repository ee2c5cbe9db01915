// What tensor cores multiply: words of one TF32 number or, of float16, of two rows.
#pragma once
#include "prelude.cuh"

#ifdef HALVES
constexpr int PACKED = 2;  // rows in a word
#else
constexpr int PACKED = 1;
#endif

#ifdef STAND_IN
inline unsigned rounded_tf32(float f) { return stand_in::tf32_of(f); }
#else
__device__ inline unsigned rounded_tf32(float f) {
    unsigned bits;
    asm("cvt.rna.tf32.f32 %0, %1;" : "=r"(bits) : "f"(f));
    return bits;
}
#endif

// The nearest number with 10 bits of mantissa; the largest ones do not become infinite.
__device__ inline unsigned word_of(const float (&rows)[1]) {
    const unsigned bits = rounded_tf32(rows[0]);
    const bool grown = (bits & 0x7fffffffu) == 0x7f800000u && rows[0] - rows[0] == 0;
    return grown ? bits - 0x2000u : bits;
}

__device__ inline unsigned word_of(const half (&rows)[2]) {
    return rows[0].bits | static_cast<unsigned>(rows[1].bits) << 16;
}
