#pragma once

#include <stdio.h>
#include <string.h>
#include <time.h>

static inline double now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

// A number of /proc/PID/status, as in process_status("self", "VmRSS:"): KiB, or a count. -1 where there is none.
static inline long process_status(const char* pid, const char* name) {
  char line[256];
  long value = -1;
  snprintf(line, sizeof line, "/proc/%s/status", pid);
  FILE* status = fopen(line, "re");
  if (!status) return value;
  while (fgets(line, sizeof line, status)) {
    if (strncmp(line, name, strlen(name)) == 0) sscanf(line + strlen(name), "%ld", &value);
  }
  fclose(status);
  return value;
}

static inline long self_status(const char* name) { return process_status("self", name); }
