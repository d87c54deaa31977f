/*
 * simple - scripts that are one plain command, which needs no shell to be started (pure).
 *
 *   "exec sleep 1000", "python3 -u /var/lib/.../main.py --port=80"    yes: the words of the command
 *   "echo hi", "a && b", "x=1 run", "run $HOME", two lines            no: the shell's business
 *
 * What the shell would do to such a script is to split it at blanks and to execute the command in its own place. To do
 * without it saves most of the time that a start takes. Yes is said only where that leaves nothing to be seen of the
 * difference: the words have no character that means something to a shell, and the first is neither a reserved word nor
 * a command that shells have built in (of sh, dash or bash), unless "exec" before it says that a program is meant.
 */
#ifndef SEDGE_SUPERVISOR_SIMPLE_H
#define SEDGE_SUPERVISOR_SIMPLE_H

#include <stdbool.h>

#include "base/str.h"

#define SEDGE_SIMPLE_WORDS_MAX 24u /* a script of more goes to the shell */

/* Adds the words to *words, without "exec". False: none were added. */
bool sedge_simple_words(const char *script, struct sedge_strv *words);

#endif
