/* A library that ends the process which loads it. */
#include <signal.h>

__attribute__((constructor)) static void crash(void)
{
    (void)signal(SIGSEGV, SIG_DFL); /* a sanitizer would report */
    (void)raise(SIGSEGV);
}
