// Loaded by static_tls_test.cpp: its variables are in the surplus of the static TLS area.
#define IN_SURPLUS __attribute__((tls_model("initial-exec")))

static __thread int value IN_SURPLUS = 42;
static __thread char zeros[40] IN_SURPLUS;

int* module_value(void) { return &value; }
char* module_zeros(void) { return zeros; }
