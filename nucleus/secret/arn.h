/*
 * arn - names of secrets: arn:PARTITION:secretsmanager:REGION:ACCOUNT:secret:NAME-XXXXXX. Pure.
 *
 * The six letters or digits at the end belong to the ARN, not to the friendly name.
 */
#ifndef SEDGE_SECRET_ARN_H
#define SEDGE_SECRET_ARN_H

#include <stdbool.h>

#include "base/err.h"

#define SEDGE_SECRET_NAME_MAX 512  /* bytes of a friendly name */
#define SEDGE_SECRET_ARN_MAX  1024 /* bytes */

/* Whether it is meant as an ARN, valid or not. */
bool sedge_secret_is_arn(const char *id);
/* Whether the friendly name of a well-formed ARN is `name`. */
bool sedge_secret_arn_has_name(const char *arn, const char *name);
/* The friendly name in an ARN, heap; NULL with INVALID when it is not well-formed. */
char *sedge_secret_arn_name(const char *arn, struct sedge_err *err);
/* INVALID or LIMIT unless it has letters, digits and /_+=.@- only. */
int sedge_secret_name_check(const char *name, struct sedge_err *err);
/* An ARN of this device for a name, with six random letters or digits; heap. */
char *sedge_secret_local_arn(const char *name);

#endif
