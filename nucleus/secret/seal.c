#include "seal.h"

#include "base/mem.h"
#include "base/str.h"

#include <openssl/evp.h>

static EVP_CIPHER_CTX *new_context(const uint8_t *key, const uint8_t *nonce, int encrypt)
{
    EVP_CIPHER_CTX *c = EVP_CIPHER_CTX_new();

    sedge_assert(c && EVP_CipherInit_ex(c, EVP_aes_256_gcm(), NULL, key, nonce, encrypt) == 1);
    return c;
}

static void update(EVP_CIPHER_CTX *c, uint8_t *out, const void *in, size_t n)
{
    int done = 0;

    if (n > 0) sedge_assert(EVP_CipherUpdate(c, out, &done, in, (int)n) == 1 && done == (int)n);
}

void sedge_seal(const uint8_t key[SEDGE_SEAL_KEY_LEN], const struct sedge_buf *bound, const void *plain, size_t n,
                struct sedge_buf *out)
{
    uint8_t *nonce, *text;
    EVP_CIPHER_CTX *c;
    int rest = 0;

    sedge_buf_reserve(out, SEDGE_SEAL_NONCE_LEN + n + SEDGE_SEAL_TAG_LEN);
    nonce = (uint8_t *)out->data + out->len;
    text = nonce + SEDGE_SEAL_NONCE_LEN;
    sedge_random_bytes(nonce, SEDGE_SEAL_NONCE_LEN);
    c = new_context(key, nonce, 1);
    update(c, NULL, bound->data, bound->len);
    update(c, text, plain, n);
    sedge_assert(EVP_CipherFinal_ex(c, text + n, &rest) == 1 && rest == 0);
    sedge_assert(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_GET_TAG, SEDGE_SEAL_TAG_LEN, text + n) == 1);
    EVP_CIPHER_CTX_free(c);
    out->len += SEDGE_SEAL_NONCE_LEN + n + SEDGE_SEAL_TAG_LEN;
}

int sedge_unseal(const uint8_t key[SEDGE_SEAL_KEY_LEN], const struct sedge_buf *bound, const void *record, size_t n,
                 struct sedge_buf *out, struct sedge_err *err)
{
    const uint8_t *nonce = record;
    const size_t around = SEDGE_SEAL_NONCE_LEN + SEDGE_SEAL_TAG_LEN;
    uint8_t tag[SEDGE_SEAL_TAG_LEN], *text;
    EVP_CIPHER_CTX *c;
    int rest = 0, ok;

    if (n < around) return sedge_err_set(err, SEDGE_E_DIGEST, "the stored record is too short");
    for (size_t i = 0; i < SEDGE_SEAL_TAG_LEN; i++)
        tag[i] = nonce[n - SEDGE_SEAL_TAG_LEN + i];
    sedge_buf_reserve(out, n - around + 1);
    text = (uint8_t *)out->data + out->len;
    c = new_context(key, nonce, 0);
    update(c, NULL, bound->data, bound->len);
    update(c, text, nonce + SEDGE_SEAL_NONCE_LEN, n - around);
    sedge_assert(EVP_CIPHER_CTX_ctrl(c, EVP_CTRL_GCM_SET_TAG, SEDGE_SEAL_TAG_LEN, tag) == 1);
    ok = EVP_CipherFinal_ex(c, text + (n - around), &rest);
    EVP_CIPHER_CTX_free(c);
    if (ok == 1) {
        out->len += n - around;
        out->data[out->len] = 0;
        return 0;
    }
    sedge_wipe(text, n - around); /* what did not prove to be genuine is not looked at */
    return sedge_err_set(err, SEDGE_E_DIGEST, "the stored record has been changed, or it belongs to another key");
}
