// __thread variables of all access models: each thread has its own copies, before and after it waits, also of libraries
// that are loaded while it lives. The libraries are built from tls_library.c.
#include <dlfcn.h>
#include <libgen.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>

#include "tests/support/case.h"

enum { kThreads = 100, kInitial = 42 };

// In libtls_linked.so, which this program is linked with.
extern __thread int linked_value;
int* linked_dynamic(void);
int* linked_initial_exec(void);
int linked_check(int value);

static __thread int local_value __attribute__((tls_model("local-exec"))) = kInitial;
static __thread int local_zero __attribute__((tls_model("local-exec")));
static __thread char local_text[100] = "text of every thread";
static __thread struct { int value; } local_aligned __attribute__((aligned(64))) = {kInitial};

static int* local_exec(void) { return &local_value; }
static int* local_zeroed(void) { return &local_zero; }
static int* imported(void) { return &linked_value; }

static int* aligned(void) {
  CHECK_EQ((uintptr_t)&local_aligned % 64, 0);
  return &local_aligned.value;
}

struct Variable {
  int* (*address)(void);
  int initial;
};

static void* use_variable(void* argument) {
  const struct Variable* variable = argument;
  int* address = variable->address();
  int own = (int)(uintptr_t)address;  // differs in each thread
  CHECK_EQ(*address, variable->initial);
  for (int i = 0; i < 5; i++) {
    *variable->address() = own + i;
    if (i % 2) usleep(100);
    if (i % 2 == 0) sched_yield();
    CHECK(variable->address() == address);
    CHECK_EQ(*variable->address(), own + i);
  }
  return NULL;
}

// Twice: threads that begin later find the initial value again, also where they get what earlier threads left.
static void check_variable(int* (*address)(void), int initial) {
  struct Variable variable = {address, initial};
  pthread_t threads[kThreads];
  for (int round = 0; round < 2; round++) {
    for (int i = 0; i < kThreads; i++) threads[i] = start(use_variable, &variable);
    join_all(threads, kThreads);
  }
}

CASE(local_exec) {
  check_variable(local_exec, kInitial);
  check_variable(local_zeroed, 0);
  check_variable(aligned, kInitial);
}

CASE(initial_exec_in_a_linked_library) {
  check_variable(imported, kInitial);
  check_variable(linked_initial_exec, kInitial);
}

CASE(general_dynamic_in_a_linked_library) { check_variable(linked_dynamic, kInitial); }

static void* use_arrays(void* argument) {
  intptr_t number = (intptr_t)argument;
  CHECK_TEXT(local_text, "text of every thread");
  CHECK_EQ(linked_check(0), 0);
  snprintf(local_text, sizeof local_text, "text of thread %d", (int)number);
  CHECK_EQ(linked_check((int)number), 0);
  usleep(200);
  char expected[100];
  snprintf(expected, sizeof expected, "text of thread %d", (int)number);
  CHECK_TEXT(local_text, expected);
  CHECK_EQ(linked_check((int)number), (int)number);
  return NULL;
}

CASE(arrays) {
  pthread_t threads[kThreads];
  for (intptr_t i = 0; i < kThreads; i++) threads[i] = start(use_arrays, (void*)(i + 1));
  join_all(threads, kThreads);
}

// A library's variables, seen by threads that were there before it was loaded.
struct Loading {
  pthread_barrier_t step;
  const char* name;
  void* library;
  int* (*address)(void);
  int* (*array)(void);
  int loads;
};

static void step(struct Loading* loading) { pthread_barrier_wait(&loading->step); }

static void use_loaded(const struct Loading* loading) {
  int* address = loading->address();
  int own = (int)(uintptr_t)address;
  CHECK_EQ(*address, kInitial);
  CHECK_EQ(loading->array()[0], 0);
  CHECK_EQ(loading->array()[7], 7);
  *address = own;
  loading->array()[7] = own;
  usleep(100);
  CHECK(loading->address() == address);
  CHECK_EQ(*address, own);
  CHECK_EQ(loading->array()[7], own);
}

static void* live_through_loads(void* argument) {
  struct Loading* loading = argument;
  for (int i = 0; i < loading->loads; i++) {
    step(loading);  // the library is loaded
    use_loaded(loading);
    step(loading);  // and unloaded
  }
  return NULL;
}

static void load(struct Loading* loading) {
  char self[4096], path[4200];
  ssize_t length = readlink("/proc/self/exe", self, sizeof self - 1);
  CHECK(length > 0);
  self[length] = 0;
  snprintf(path, sizeof path, "%s/%s", dirname(self), loading->name);
  loading->library = dlopen(path, RTLD_NOW);
  if (!loading->library) printf("%s\n", dlerror());
  CHECK(loading->library);
  *(void**)&loading->address = dlsym(loading->library, "loaded_value");
  *(void**)&loading->array = dlsym(loading->library, "loaded_array");
  int (*seen)(void);
  *(void**)&seen = dlsym(loading->library, "loaded_seen");
  CHECK(loading->address && loading->array && seen);
  CHECK_EQ(seen(), kInitial + 7);
}

static void check_loading(const char* name, int loads) {
  struct Loading loading = {.name = name, .loads = loads};
  pthread_t threads[kThreads];
  CHECK_EQ(pthread_barrier_init(&loading.step, NULL, kThreads + 1), 0);
  for (int i = 0; i < kThreads; i++) threads[i] = start(live_through_loads, &loading);
  for (int i = 0; i < loads; i++) {
    load(&loading);
    step(&loading);
    use_loaded(&loading);
    join(start(use_variable, &(struct Variable){loading.address, kInitial}));  // one who comes later
    step(&loading);
    CHECK_EQ(dlclose(loading.library), 0);
  }
  join_all(threads, kThreads);
  CHECK_EQ(pthread_barrier_destroy(&loading.step), 0);
}

CASE(general_dynamic_in_a_library_loaded_while_threads_live) { check_loading("libtls_loaded.so", 3); }

// Its variables lie in what glibc keeps free for this beside the program's own (the static TLS surplus).
CASE(initial_exec_in_a_library_loaded_while_threads_live) { check_loading("libtls_surplus.so", 3); }

static void* load_in_thread(void* name) {
  check_loading(name, 1);
  return NULL;
}

CASE(a_library_loaded_by_a_thread) {
  join(start(load_in_thread, "libtls_loaded.so"));
  join(start(load_in_thread, "libtls_surplus.so"));
}
