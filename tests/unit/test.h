/* What every unit test includes: cmocka with the headers that it forgets to include itself. */
#ifndef SEDGE_TEST_H
#define SEDGE_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#endif
