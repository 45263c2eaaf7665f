// The libraries of tls.c: linked (LINKED), loaded with dlopen, and loaded with variables of the initial-exec model
// (SURPLUS).
#ifdef LINKED

__thread int linked_value = 42;
static __thread int dynamic_value __attribute__((tls_model("global-dynamic"))) = 42;
static __thread int initial_exec_value __attribute__((tls_model("initial-exec"))) = 42;
static __thread int local_dynamic_values[1000];

int* linked_dynamic(void) { return &dynamic_value; }
int* linked_initial_exec(void) { return &initial_exec_value; }

// What the last call in this thread left, which all elements must be.
int linked_check(int value) {
  int before = local_dynamic_values[0];
  for (int i = 0; i < 1000; i++) {
    if (local_dynamic_values[i] != before) return -1;
    local_dynamic_values[i] = value;
  }
  return before;
}

#else

#ifdef SURPLUS
#define MODEL __attribute__((tls_model("initial-exec")))
enum { kElements = 16 };
#else
#define MODEL __attribute__((tls_model("global-dynamic")))
enum { kElements = 4000 };
#endif

static __thread int value MODEL = 42;
static __thread int array[kElements] MODEL = {0, 1, 2, 3, 4, 5, 6, 7};

static int seen_by_constructor;

__attribute__((constructor)) static void look(void) { seen_by_constructor = value + array[7]; }

int loaded_seen(void) { return seen_by_constructor; }
int* loaded_value(void) { return &value; }
int* loaded_array(void) { return array; }

#endif
