// What kernels ask of tensor cores, and of copies past the registers, on one processor.
#pragma once
#include "cuda_stand_in.h"

namespace stand_in {

// Rounded to 10 bits of mantissa, ties away from zero.
inline unsigned tf32_of(float f) {
    unsigned bits;
    std::memcpy(&bits, &f, sizeof bits);
    const bool finite = (bits & 0x7f800000u) != 0x7f800000u;
    return finite ? (bits + 0x1000u) & 0xffffe000u : bits & 0xffffe000u;
}

// Number `part` of a word: one TF32 number, or two of float16.
template <int PACKED>
float number_of(unsigned word, int part) {
    if (PACKED == 2) return float_of_bits(static_cast<unsigned short>(word >> (16 * part)));
    float f;
    std::memcpy(&f, &word, sizeof f);
    return f;
}

// mma.sync: every lane of the warp lays down its fragments, then reads what it needs.
template <int PACKED>
void multiply(float (&c)[4], const unsigned (&a)[4], const unsigned (&b)[2]) {
    static unsigned rows[MOST / WARP][16][8], columns[MOST / WARP][8][8];
    const unsigned warp = current / WARP, lane = current % WARP, g = lane / 4, t = lane % 4;
    rows[warp][g][t] = a[0];
    rows[warp][g + 8][t] = a[1];
    rows[warp][g][t + 4] = a[2];
    rows[warp][g + 8][t + 4] = a[3];
    columns[warp][t][g] = b[0];
    columns[warp][t + 4][g] = b[1];
    wait(AT_WARP);
    for (int e = 0; e < 4; ++e) {
        const unsigned row = g + e / 2 * 8, column = 2 * t + e % 2;
        for (unsigned k = 0; k < 8; ++k)
            for (int part = 0; part < PACKED; ++part)
                c[e] += number_of<PACKED>(rows[warp][row][k], part) *
                        number_of<PACKED>(columns[warp][k][column], part);
    }
    wait(AT_WARP);
}

// A copy that was sent has arrived when it was waited for, and no earlier.
struct Sent {
    unsigned char* to;
    const unsigned char* from;
};
constexpr unsigned MOST_SENT = 8;
static Sent sent[MOST][MOST_SENT];
static unsigned waiting[MOST];

inline void send(void* to, const void* from) {
    if (waiting[current] == MOST_SENT) std::abort();
    sent[current][waiting[current]++] = {static_cast<unsigned char*>(to),
                                         static_cast<const unsigned char*>(from)};
}

inline void land() {
    for (unsigned i = 0; i < waiting[current]; ++i)
        std::memcpy(sent[current][i].to, sent[current][i].from, 16);
    waiting[current] = 0;
}

}  // namespace stand_in
