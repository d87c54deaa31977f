/*
 * system - how busy the machine is, from /proc.
 *
 *   struct sedge_cpu_time last = {0};
 *   struct sedge_system_load load;
 *   sedge_system_load(&last, &load);   // the processors' share: since the call before, at first since the boot
 *
 * Three short reads of files that the kernel makes up; what cannot be read is 0. Any thread, `last` belongs to one.
 */
#ifndef SEDGE_TELEMETRY_SYSTEM_H
#define SEDGE_TELEMETRY_SYSTEM_H

#include <json-c/json.h>
#include <stdint.h>

struct sedge_cpu_time {
    uint64_t busy, total; /* ticks since the boot, all processors */
};
struct sedge_system_load {
    double cpu_percent; /* 0..100 of all processors together */
    double files;       /* open files of the whole machine */
    double memory_mb;   /* in use: what is neither free nor can be freed at once; MiB */
};
void sedge_system_load(struct sedge_cpu_time *last, struct sedge_system_load *out);

/* The parts that read texts (pure); -1, and *out as it was, when the text is not what is expected. */
int sedge_system_cpu_time(const char *proc_stat, struct sedge_cpu_time *out);
double sedge_system_cpu_share(const struct sedge_cpu_time *before, const struct sedge_cpu_time *now);
int sedge_system_files(const char *file_nr, double *out);
int sedge_system_memory_mb(const char *meminfo, double *out);

/* [{"N":"OSName","Sum":1.0,"U":"Debian GNU/Linux"}, OSVersion, KernelVersion, CPUArchitecture]; new reference. */
struct json_object *sedge_system_identity(void);

#endif
