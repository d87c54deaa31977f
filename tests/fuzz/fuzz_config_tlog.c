/* A transaction log is read, dumped and read again: the dumps must be equal. */
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "base/json.h"
#include "base/mem.h"
#include "config/cfg.h"
#include "config/start.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static char *dump(const char *text, int *rc)
{
    struct sedge_config *cfg = sedge_config_new(NULL);
    struct sedge_buf out = SEDGE_BUF_INIT;

    *rc = sedge_cfg_tlog_apply(cfg, text, "fuzz.tlog", NULL);
    sedge_config_tlog_text(cfg, &out);
    sedge_config_close(cfg, NULL, NULL);
    return sedge_buf_steal(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sedge_auto_free char *text = sedge_xstrndup((const char *)data, size);
    sedge_auto_free char *one = NULL, *two = NULL;
    int rc;

    one = dump(text, &rc);
    if (rc != 0 || !*one) return 0;
    two = dump(one, &rc);
    sedge_assert(rc == 0);
    sedge_assert(strcmp(one, two) == 0);
    return 0;
}
