#include "crc.h"

#include <zlib.h>

static uint32_t by_table(uint32_t crc, const uint8_t *p, size_t n)
{
    return n > 0 ? (uint32_t)crc32_z(crc, p, n) : crc;
}

#if defined(__x86_64__)

#include <immintrin.h>

/*
 * Folding: a block of 128 bits is as good as what it is congruent to further on in the text, so four blocks are carried
 * along and each is multiplied by x to the power of the distance, modulo the polynomial. All in the reflected order of
 * bits that CRC-32 uses; each constant is x^n mod P, reflected.
 */
#define BLOCK      ((size_t)16)
#define FOLD_MIN   64u           /* bytes */
#define X_544      0x154442bd4LL /* four blocks on: low half */
#define X_480      0x1c6e41596LL /* four blocks on: high half */
#define X_160      0x1751997d0LL /* one block on: low half */
#define X_96       0x0ccaa009eLL /* one block on: high half */
#define X_64       0x163cd6124LL
#define POLYNOMIAL 0x1db710641LL
#define QUOTIENT   0x1f7011641LL /* x^64 / P */

#define HARDWARE __attribute__((target("pclmul,sse4.1")))

static HARDWARE __m128i load(const uint8_t *p)
{
    return _mm_loadu_si128((const __m128i *)(const void *)p);
}

static HARDWARE __m128i fold(__m128i x, __m128i by, __m128i next)
{
    __m128i low = _mm_clmulepi64_si128(x, by, 0x00);
    __m128i high = _mm_clmulepi64_si128(x, by, 0x11);

    return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

/* 128 bits to the 32 of the remainder, by Barrett's method. */
static HARDWARE uint32_t reduce(__m128i x)
{
    const __m128i one_block = _mm_set_epi64x(X_96, X_160);
    const __m128i barrett = _mm_set_epi64x(QUOTIENT, POLYNOMIAL);
    const __m128i words = _mm_set_epi32(0, -1, 0, -1);
    __m128i t;

    x = _mm_xor_si128(_mm_srli_si128(x, 8), _mm_clmulepi64_si128(x, one_block, 0x10));
    t = _mm_clmulepi64_si128(_mm_and_si128(x, words), _mm_set_epi64x(0, X_64), 0x00);
    x = _mm_xor_si128(_mm_srli_si128(x, 4), t);
    t = _mm_clmulepi64_si128(_mm_and_si128(x, words), barrett, 0x10);
    t = _mm_clmulepi64_si128(_mm_and_si128(t, words), barrett, 0x00);
    return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, t), 1);
}

/* n: at least FOLD_MIN, whole blocks. */
static HARDWARE uint32_t by_folding(uint32_t crc, const uint8_t *p, size_t n)
{
    const __m128i four_blocks = _mm_set_epi64x(X_480, X_544);
    const __m128i one_block = _mm_set_epi64x(X_96, X_160);
    __m128i x[4];

    for (size_t i = 0; i < 4; i++)
        x[i] = load(p + i * BLOCK);
    x[0] = _mm_xor_si128(x[0], _mm_cvtsi32_si128((int)~crc));
    for (p += FOLD_MIN, n -= FOLD_MIN; n >= FOLD_MIN; p += FOLD_MIN, n -= FOLD_MIN)
        for (size_t i = 0; i < 4; i++)
            x[i] = fold(x[i], four_blocks, load(p + i * BLOCK));
    for (size_t i = 1; i < 4; i++)
        x[0] = fold(x[0], one_block, x[i]);
    for (; n >= BLOCK; p += BLOCK, n -= BLOCK)
        x[0] = fold(x[0], one_block, load(p));
    return ~reduce(x[0]);
}

uint32_t sedge_crc32(uint32_t crc, const void *p, size_t n)
{
    const uint8_t *at = p;
    size_t blocks = n / BLOCK * BLOCK;

    if (n < FOLD_MIN || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
        return by_table(crc, at, n);
    return by_table(by_folding(crc, at, blocks), at + blocks, n - blocks);
}

#elif defined(__aarch64__)

#include <arm_acle.h>
#include <string.h>
#include <sys/auxv.h>

#define HWCAP_BIT_CRC32 (1ul << 7)

static __attribute__((target("+crc"))) uint32_t by_instruction(uint32_t crc, const uint8_t *p, size_t n)
{
    uint64_t word;

    for (crc = ~crc; n >= sizeof word; p += sizeof word, n -= sizeof word) {
        memcpy(&word, p, sizeof word);
        crc = __crc32d(crc, word);
    }
    while (n-- > 0)
        crc = __crc32b(crc, *p++);
    return ~crc;
}

uint32_t sedge_crc32(uint32_t crc, const void *p, size_t n)
{
    return getauxval(AT_HWCAP) & HWCAP_BIT_CRC32 ? by_instruction(crc, p, n) : by_table(crc, p, n);
}

#else

uint32_t sedge_crc32(uint32_t crc, const void *p, size_t n)
{
    return by_table(crc, p, n);
}

#endif
